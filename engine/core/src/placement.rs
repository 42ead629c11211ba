//! Which CPUs carry shards: the reading of `--cores` against the CPUs that the process may use.
//!
//! Only CPUs of the affinity mask count, so that `taskset`, cgroups and batch systems are obeyed,
//! and a wish that cannot be granted is an error and not a smaller test.

use std::{collections::BTreeSet, fmt, fs, str::FromStr, thread};

/// From how many CPUs on one is left to the control plane. Below, a quarter or more of the load
/// that the host can make would be given away for a thread that is nearly idle.
const CONTROL_CPU_FROM: usize = 4;

/// The largest CPU number that is believed; `0-4000000000` is a slip and would fill the memory.
/// Linux is built for 8,192 CPUs at most.
const CPU_MAX: usize = 8191;

/// What the user asked for with `--cores`.
///
/// | text | meaning |
/// | --- | --- |
/// | `auto` | all CPUs of the affinity mask; from four on, one is left to the control plane |
/// | `8` | eight CPUs of the mask |
/// | `0-3,8` | just these CPUs |
/// | `0` | CPU 0 alone, as a count of zero makes no sense |
/// | `5-5` | CPU 5 alone, as `5` is a count |
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CoreChoice {
    /// As many as make sense.
    #[default]
    Auto,
    /// This many, whichever they are.
    Count(usize),
    /// These.
    List(Vec<usize>),
}

/// A choice of CPUs that cannot be read or cannot be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacementError {
    kind: ErrorKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum ErrorKind {
    Unreadable { text: String },
    NoneChosen,
    Duplicate { cpu: usize },
    TooMany { wanted: usize, available: Vec<usize> },
    NotAvailable { cpu: usize, available: Vec<usize> },
}

/// The CPUs that shards are to be pinned to, in ascending order for counts and as given for lists.
///
/// `available` is the affinity mask in ascending order, as [`available()`] returns it. The CPU that
/// is left to the control plane is the first one, where interrupts and the system's own work
/// gather; a count spares it too, if there are more CPUs than asked for.
///
/// # Errors
/// If more CPUs are asked for than there are, if one of a list is not in the mask or is named
/// twice, or if none is left over.
pub fn place(choice: &CoreChoice, available: &[usize]) -> Result<Vec<usize>, PlacementError> {
    let last = |n_cpus: usize| available[available.len() - n_cpus..].to_vec();
    let cpus = match choice {
        CoreChoice::Auto if available.len() >= CONTROL_CPU_FROM => last(available.len() - 1),
        CoreChoice::Auto => available.to_vec(),
        &CoreChoice::Count(wanted) if wanted > available.len() => {
            return Err(ErrorKind::TooMany { wanted, available: available.to_vec() }.into());
        }
        &CoreChoice::Count(n_cpus) => {
            let n_spared = usize::from(n_cpus < available.len());
            available[n_spared..n_spared + n_cpus].to_vec()
        }
        CoreChoice::List(cpus) => {
            check_list(cpus, available)?;
            cpus.clone()
        }
    };
    if cpus.is_empty() { Err(ErrorKind::NoneChosen.into()) } else { Ok(cpus) }
}

/// The CPUs that this thread may run on, in ascending order: its affinity mask.
///
/// Read from `/proc`. Where that is not mounted, CPUs are counted from zero, as many as the
/// standard library thinks there are.
pub fn available() -> Vec<usize> {
    fs::read_to_string("/proc/thread-self/status")
        .ok()
        .and_then(|status| mask_of_status(&status))
        .unwrap_or_else(|| (0..thread::available_parallelism().map_or(1, usize::from)).collect())
}

/// The CPUs in ascending order as the kernel writes them: `0-3,8`.
pub fn format_list(cpus: &[usize]) -> String {
    let cpus: Vec<usize> = cpus.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
    let runs = cpus.chunk_by(|previous, next| previous + 1 == *next).map(|run| match run {
        [first, .., last] => format!("{first}-{last}"),
        run => run[0].to_string(),
    });
    runs.collect::<Vec<_>>().join(",")
}

impl FromStr for CoreChoice {
    type Err = PlacementError;

    /// Reads `auto`, a count, or a list of CPUs and ranges. Whether they can be had is for
    /// [`place`].
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unreadable = || ErrorKind::Unreadable { text: text.to_owned() }.into();
        match text.trim() {
            "auto" => Ok(Self::Auto),
            "0" => Ok(Self::List(vec![0])),
            number if !number.contains([',', '-']) => {
                parse_number(number).map(Self::Count).ok_or_else(unreadable)
            }
            list => parse_list(list).map(Self::List).ok_or_else(unreadable),
        }
    }
}

impl fmt::Display for PlacementError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ErrorKind::Unreadable { text } => write!(
                f,
                "{text:?} names no cores: accepted are auto, a count (8) or a list of CPUs from 0 \
                 to {CPU_MAX} (0-3,8)"
            ),
            ErrorKind::NoneChosen => f.write_str("no CPU is left for a shard: choose at least one"),
            ErrorKind::Duplicate { cpu } => {
                write!(f, "CPU {cpu} is named more than once: a CPU carries one shard")
            }
            ErrorKind::TooMany { wanted, available } => write!(
                f,
                "{wanted} cores are more than the {} this process may use ({})",
                available.len(),
                format_list(available)
            ),
            ErrorKind::NotAvailable { cpu, available } => write!(
                f,
                "CPU {cpu} is not among those this process may use ({})",
                format_list(available)
            ),
        }
    }
}

impl std::error::Error for PlacementError {}

impl From<ErrorKind> for PlacementError {
    fn from(kind: ErrorKind) -> Self {
        Self { kind }
    }
}

fn check_list(cpus: &[usize], available: &[usize]) -> Result<(), PlacementError> {
    let mut seen = BTreeSet::new();
    for &cpu in cpus {
        if !available.contains(&cpu) {
            return Err(ErrorKind::NotAvailable { cpu, available: available.to_vec() }.into());
        }
        if !seen.insert(cpu) {
            return Err(ErrorKind::Duplicate { cpu }.into());
        }
    }
    Ok(())
}

fn mask_of_status(status: &str) -> Option<Vec<usize>> {
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    parse_list(list.trim())
}

fn parse_list(list: &str) -> Option<Vec<usize>> {
    let mut cpus = Vec::new();
    for part in list.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (parse_number(first)?, parse_number(last)?);
        if first > last || last > CPU_MAX {
            return None;
        }
        cpus.extend(first..=last);
    }
    Some(cpus)
}

/// Digits alone: the standard library would also take a plus sign.
fn parse_number(text: &str) -> Option<usize> {
    let text = text.trim();
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn choice(text: &str) -> CoreChoice {
        text.parse().expect("the test gives a readable choice")
    }

    #[track_caller]
    fn check(text: &str, available: &str, expected: Result<&[usize], &str>) {
        let available = parse_list(available).expect("the test gives a list");
        let cpus = place(&choice(text), &available).map_err(|error| error.to_string());
        assert_eq!(cpus.as_deref().map_err(String::as_str), expected, "{text}");
    }

    #[test]
    fn auto_leaves_a_cpu_to_the_control_plane_from_four_on() {
        check("auto", "0-2", Ok(&[0, 1, 2]));
        check("auto", "0-3", Ok(&[1, 2, 3]));
        check("auto", "4,6,8,10", Ok(&[6, 8, 10]));
        check("auto", "7", Ok(&[7]));
    }

    #[test]
    fn a_count_takes_that_many_of_the_mask_and_spares_the_first_if_it_can() {
        check("1", "0-3", Ok(&[1]));
        check("2", "4,6,8", Ok(&[6, 8]));
        check("4", "0-3", Ok(&[0, 1, 2, 3]));
        let error = "5 cores are more than the 3 this process may use (0-1,8)";
        check("5", "0-1,8", Err(error));
    }

    #[test]
    fn a_list_is_taken_as_it_stands_if_the_mask_has_it() {
        check("0-1,8", "0-8", Ok(&[0, 1, 8]));
        check("3, 1", "0-8", Ok(&[3, 1]));
        check("0", "0-8", Ok(&[0]));
        check("5-5", "0-8", Ok(&[5]));
        check("1,9", "0-8", Err("CPU 9 is not among those this process may use (0-8)"));
        check("1-3,2", "0-8", Err("CPU 2 is named more than once: a CPU carries one shard"));
    }

    #[test]
    fn no_cpu_at_all_is_an_error() {
        for choice in [CoreChoice::Count(0), CoreChoice::List(vec![])] {
            let error = place(&choice, &[0, 1]).expect_err("there would be no shard");
            assert_eq!(error.to_string(), "no CPU is left for a shard: choose at least one");
        }
        assert!(place(&CoreChoice::Auto, &[]).is_err());
    }

    #[test]
    fn what_names_no_cores_is_refused_with_what_is_accepted() {
        for text in
            ["", "all", "-1", "+1", "3-1", "1,", ",", "1-", "1..3", "0-9999999999", "8192,1"]
        {
            let error = text.parse::<CoreChoice>().expect_err(text);
            let expected = format!(
                "{text:?} names no cores: accepted are auto, a count (8) or a list of CPUs from 0 \
                 to 8191 (0-3,8)"
            );
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn the_mask_is_read_from_the_status_of_the_thread() {
        let status = "Cpus_allowed:\t10f\nCpus_allowed_list:\t0-3,8\nMems_allowed:\t1\n";
        assert_eq!(mask_of_status(status), Some(vec![0, 1, 2, 3, 8]));
        assert_eq!(mask_of_status("Name:\thatchery\n"), None);
        assert!(!available().is_empty());
    }

    #[test]
    fn lists_are_written_with_ranges_whatever_their_order() {
        assert_eq!(format_list(&[8, 0, 1, 3, 2]), "0-3,8");
        assert_eq!(format_list(&[5]), "5");
        assert_eq!(format_list(&[]), "");
    }

    proptest! {
        #[test]
        fn a_written_list_reads_back(cpus in prop::collection::btree_set(0..200usize, 2..30)) {
            let cpus: Vec<usize> = cpus.into_iter().collect();
            prop_assert_eq!(choice(&format_list(&cpus)), CoreChoice::List(cpus));
        }
    }
}
