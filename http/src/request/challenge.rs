//! `WWW-Authenticate` (RFC 9110, section 11.6.1): schemes, and the parameters of each.

/// Names in lower case, and values without their quotes.
pub(crate) type Parameters = Vec<(String, String)>;

/// The parameters of each challenge of a scheme, which is given in lower case.
pub(crate) fn challenges(line: &str, scheme: &str) -> Vec<Parameters> {
    let mut found: Vec<Parameters> = vec![];
    let mut is_scheme = false;
    let mut rest = line;
    while !rest.is_empty() {
        let (name, after) = match rest.find(['=', ',']) {
            Some(at) if rest[at..].starts_with('=') => (&rest[..at], Some(&rest[at + 1..])),
            // A scheme alone, or with a token that is none of a parameter.
            Some(at) => (&rest[..at], None),
            None => (rest, None),
        };
        // Where a scheme begins, it stands before its first parameter, with a space between.
        let mut words = name.split_ascii_whitespace();
        let (first, second) = (words.next().unwrap_or_default(), words.next());
        if second.is_some() || after.is_none() && !first.is_empty() {
            is_scheme = first.eq_ignore_ascii_case(scheme);
            found.extend(is_scheme.then(Vec::new));
        }
        let Some(after) = after else {
            rest = rest.get(name.len() + 1..).unwrap_or_default();
            continue;
        };
        let (value, next) = match after.trim_start().strip_prefix('"') {
            Some(quoted) => {
                let (value, next) = unquoted(quoted);
                (value, next.split_once(',').map_or("", |(_, next)| next))
            }
            None => {
                let (value, next) = after.split_once(',').unwrap_or((after, ""));
                (value.trim().to_owned(), next)
            }
        };
        if let (true, Some(parameters)) = (is_scheme, found.last_mut()) {
            parameters.push((second.unwrap_or(first).to_ascii_lowercase(), value));
        }
        rest = next;
    }
    found
}

/// What stands before the closing quote, and what follows it.
fn unquoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return (value, &text[at + 1..]),
            '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
            char => value.push(char),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(line: &str, expected: &[&[(&str, &str)]]) {
        let found = challenges(line, "digest");
        let found: Vec<Vec<_>> = found
            .iter()
            .map(|all| all.iter().map(|(name, value)| (&**name, &**value)).collect())
            .collect();
        assert_eq!(found, expected, "{line}");
    }

    #[test]
    fn each_challenge_of_a_line_has_its_own_parameters() {
        check("Digest a=\"x\\\"y\", B=c ,d=\"open", &[&[("a", "x\"y"), ("b", "c"), ("d", "open")]]);
        check("Basic realm=\"digest a=b\"", &[]);
        check("Negotiate, digest\ta = b,, Basic c=d", &[&[("a", "b")]]);
        check("NTLM ab==, Digest a=\"b, c=d\"", &[&[("a", "b, c=d")]]);
        check("Digest a=b, Digest c=d", &[&[("a", "b")], &[("c", "d")]]);
        check("a=b, , =", &[]);
        check("Digest", &[&[]]);
    }

    proptest! {
        /// Whatever the names and the values hold.
        #[test]
        fn what_is_written_as_challenges_is_read_as_them(
            all in prop::collection::vec(
                prop::collection::vec(("[a-z]{1,5}", "[ -~]{0,9}"), 1..4),
                0..4,
            ),
        ) {
            let line = all.iter().map(|parameters| {
                let written = parameters.iter().map(|(name, value)| {
                    format!("{name}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
                });
                format!("Digest {}", written.collect::<Vec<_>>().join(", "))
            });
            let line = line.collect::<Vec<_>>().join(", Basic realm=\"x\", ");
            prop_assert_eq!(challenges(&line, "digest"), all);
        }
    }
}
