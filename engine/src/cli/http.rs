//! What the flags of HTTP sessions mean.

use super::flags::HttpFlags;
use hatchery_http::{HttpVersion, PoolChoice, Proxies, SessionOptions};
use ipnet::IpNet;
use std::{
    collections::HashSet,
    mem,
    net::{IpAddr, Ipv6Addr},
};

/// Addresses that a list of networks may stand for. More would not be told apart from a mistake.
const SOURCES_MAX: usize = 65_536;

/// What `--source-ip` gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sources(Vec<IpAddr>);

/// What one `--resolve` gives: host, port, and where to connect instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resolve(String, u16, IpAddr);

/// What one `--proxy` gives: which requests it is for, and its URL; none for no proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProxyFlag {
    key: String,
    url: Option<String>,
}

impl HttpFlags {
    /// Sets what was typed; the rest stays as the program has it.
    pub(crate) fn apply(&self, options: &mut SessionOptions) {
        options.verify &= !self.insecure;
        options.lean &= !self.hyper;
        options.reset_on_close |= self.reset_on_close;
        if self.http2_prior_knowledge {
            options.http_version = HttpVersion::Http2PriorKnowledge;
        } else if self.http2 {
            options.http_version = HttpVersion::Http2;
        }
        let requests = if self.no_keepalive { Some(1) } else { self.requests_per_connection };
        options.requests_per_connection = requests.unwrap_or(options.requests_per_connection);
        if let Some(connections_max) = self.shared_pool {
            options.pool = PoolChoice::PerCore { connections_max };
        }
        if let Some(Sources(sources)) = &self.source_ip {
            options.sources.clone_from(sources);
        }
        for Resolve(host, port, address) in &self.resolve {
            // Before the program's own, as the first one counts.
            options.resolve.insert(0, (host.clone(), *port, *address));
        }
        for flag in &self.proxies {
            let proxies = mem::take(&mut options.proxies);
            options.proxies = flag.add_to(proxies).expect("checked when it was read");
        }
        if let Some(file) = &self.cacert {
            options.ca_file = Some(file.clone());
        }
        if let Some(cert) = &self.cert {
            options.client_cert = Some((cert.clone(), self.key.as_ref().unwrap_or(cert).clone()));
        }
    }
}

impl ProxyFlag {
    fn add_to(&self, proxies: Proxies) -> Result<Proxies, String> {
        let proxies = match &self.url {
            Some(url) => proxies.with(&self.key, url),
            None => proxies.without(&self.key),
        };
        proxies.map_err(|error| error.to_string())
    }
}

/// Reads `--source-ip`.
pub(super) fn sources(text: &str) -> Result<Sources, String> {
    let mut sources = vec![];
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        if let Ok(address) = part.parse::<IpAddr>() {
            sources.push(address);
        } else {
            let network: IpNet = part.parse().map_err(|_| {
                format!("'{part}' is neither an address nor a network like 10.0.1.0/28")
            })?;
            // Without the network's own address and the one of broadcasts.
            sources.extend(network.hosts().take(SOURCES_MAX + 1));
        }
        if sources.len() > SOURCES_MAX {
            return Err(format!("'{part}' makes it more than {SOURCES_MAX} addresses"));
        }
    }
    // An address that is given twice has the ports of one.
    let mut seen = HashSet::new();
    sources.retain(|address| seen.insert(*address));
    match sources.is_empty() {
        true => Err("an address or a network like 10.0.1.0/28 is needed".to_owned()),
        false => Ok(Sources(sources)),
    }
}

/// Reads `--resolve`, in curl's form; but for one address only, and without its signs.
pub(super) fn resolve(text: &str) -> Result<Resolve, String> {
    let form = "a host, a port and an address are needed, such as shop.test:443:10.0.0.5";
    if let Some(rest) = text.strip_prefix('+') {
        return Err(format!(
            "an address is not forgotten after a time, as curl's + wants it: write '{rest}'"
        ));
    }
    let (host, rest) = match text.strip_prefix('[').and_then(|text| text.split_once("]:")) {
        Some((ip, rest)) => {
            let ip = ip.parse::<Ipv6Addr>();
            (ip.map_err(|_| format!("'{text}' has no address between [ and ]"))?.to_string(), rest)
        }
        None => {
            let (host, rest) = text.split_once(':').ok_or(form)?;
            (host_name(host)?.to_owned(), rest)
        }
    };
    let (port, address) = rest.split_once(':').ok_or(form)?;
    let port = port.parse().map_err(|_| format!("'{port}' is no port; {form}"))?;
    let bare = address.strip_prefix('[').and_then(|address| address.strip_suffix(']'));
    let address = bare.unwrap_or(address);
    let address = address.parse().map_err(|_| format!("'{address}' is no address; {form}"))?;
    Ok(Resolve(host, port, address))
}

/// The host of one `--resolve`: `*` for all, or a name. What is none would never be asked for.
fn host_name(host: &str) -> Result<&str, String> {
    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if host == "*" || (host.bytes().all(is_of_name) && host.starts_with(|c| c != '-')) {
        return Ok(host);
    }
    Err(format!(
        "'{host}' is no host: a name is needed as it is asked for (xn--… if it is not ASCII), an \
         IPv6 address in [ and ], or * for all hosts"
    ))
}

/// Reads one `--proxy`.
pub(super) fn proxy(text: &str) -> Result<ProxyFlag, String> {
    // A password may have the same sign in it, but then there is a colon before it, too.
    let is_key = |key: &str| {
        let (scheme, host) = key.split_once("://").unwrap_or((key, ""));
        let is_name = host.starts_with('[') || !host.contains([':', '@']);
        matches!(scheme, "http" | "https" | "all") && is_name
    };
    let (key, url) = match text.split_once('=') {
        Some((key, url)) if is_key(key) => (key, url),
        _ => ("all", text),
    };
    let url = (url != "none").then(|| url.to_owned());
    let flag = ProxyFlag { key: key.to_owned(), url };
    flag.add_to(Proxies::default())?;
    Ok(flag)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What must hold of each of these, whatever is typed.
    fn check(text: &str) {
        if let Ok(Sources(all)) = sources(text) {
            assert!((1..=SOURCES_MAX).contains(&all.len()), "{} of {text:?}", all.len());
            let written: Vec<_> = all.iter().take(100).map(IpAddr::to_string).collect();
            assert_eq!(sources(&written.join(",")), Ok(Sources(all[..written.len()].to_vec())));
        }
        if let Ok(read) = resolve(text) {
            let Resolve(host, port, address) = &read;
            assert!(!host.is_empty() && !host.starts_with(['+', '-']), "{host:?} of {text:?}");
            let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
            assert_eq!(
                resolve(&format!("{host}:{port}:[{address}]")).as_ref(),
                Ok(&read),
                "{text:?}"
            );
        }
        if let Ok(read) = proxy(text) {
            let ProxyFlag { key, url } = &read;
            let url = url.as_deref().unwrap_or("none");
            assert_eq!(proxy(&format!("{key}={url}")).as_ref(), Ok(&read), "{text:?}");
        }
    }

    const WORDS: &[&str] = &[
        "10.0.0.1",
        "10.0.0.0/30",
        "10.0.0.0/16",
        "fd00::/64",
        "::1",
        "[",
        "]",
        ":",
        ",",
        "/",
        "=",
        "http",
        "https",
        "all",
        "://",
        "shop.test",
        "none",
        "user:p=w@",
        "@",
        "443",
        "65536",
        " ",
        "socks5",
        "*",
        "+",
        "-",
        "é",
        "%",
        "?",
    ];

    proptest! {
        #[test]
        fn what_is_read_of_a_flag_means_the_same_when_written_again(
            words in prop::collection::vec(prop::sample::select(WORDS), 0..8),
        ) {
            check(&words.concat());
        }
    }

    #[test]
    fn addresses_count_like_those_of_networks() {
        let text = "10.0.0.0/16,10.1.0.1,10.1.0.2";
        assert_eq!(sources(text).map(|sources| sources.0.len()), Ok(SOURCES_MAX));
        assert!(sources(&format!("{text},10.1.0.3")).is_err());
    }

    #[test]
    fn sources_are_addresses_and_the_hosts_of_networks() {
        let text = |list: &str| {
            let addresses = sources(list)?.0;
            Ok::<_, String>(addresses.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(text("10.0.0.5").as_deref(), Ok("10.0.0.5"));
        assert_eq!(
            text("10.0.1.0/30, 10.0.0.5,10.0.1.1").as_deref(),
            Ok("10.0.1.1 10.0.1.2 10.0.0.5")
        );
        assert_eq!(text("10.0.0.7/32,fd00::/127").as_deref(), Ok("10.0.0.7 fd00:: fd00::1"));
        assert_eq!(sources("10.0.0.0/16").map(|sources| sources.0.len()), Ok(65_534));
        for bad in ["", ",", "10.0.0", "10.0.0.0/33", "shop.test", "10.0.0.0/8", "fd00::/64"] {
            assert!(sources(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_name_is_resolved_to_an_address_of_either_kind() {
        let (v4, v6) = ("127.0.0.1".parse().expect("one"), "::1".parse().expect("one"));
        assert_eq!(resolve("shop.test:443:127.0.0.1"), Ok(Resolve("shop.test".into(), 443, v4)));
        assert_eq!(resolve("shop.test:443:[::1]"), Ok(Resolve("shop.test".into(), 443, v6)));
        assert_eq!(resolve("shop.test:443:::1"), Ok(Resolve("shop.test".into(), 443, v6)));
        assert_eq!(resolve("[0::1]:80:127.0.0.1"), Ok(Resolve("::1".into(), 80, v4)));
        assert_eq!(resolve("*:443:127.0.0.1"), Ok(Resolve("*".into(), 443, v4)));
        let bad = [
            "",
            "shop.test",
            "shop.test:443",
            "shop.test:x:127.0.0.1",
            ":1:127.0.0.1",
            "a:1:b",
            "a:1:127.0.0.1,127.0.0.2",
            "+a:1:127.0.0.1",
            "-a:1:127.0.0.1",
            "*.test:1:127.0.0.1",
            "http://a:1:127.0.0.1",
            "é:1:127.0.0.1",
            "[a]:1:127.0.0.1",
        ];
        for bad in bad {
            assert!(resolve(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_proxy_is_for_everything_or_for_what_stands_before_it() {
        let read = |text: &str| proxy(text).map(|flag| (flag.key, flag.url.unwrap_or_default()));
        let is = |text, key: &str, url: &str| {
            assert_eq!(read(text), Ok((key.to_owned(), url.to_owned())), "{text}");
        };
        is("http://a:1", "all", "http://a:1");
        is("http://user:p=w@a:1", "all", "http://user:p=w@a:1");
        is("https=http://a:1", "https", "http://a:1");
        is("https://shop.test=http://a:1", "https://shop.test", "http://a:1");
        is("http://localhost=none", "http://localhost", "");
        is("http://[::1]=none", "http://[::1]", "");
        for bad in ["", "socks5://a:1", "https=", "https=ftp://a", "ftp=http://a:1"] {
            assert!(proxy(bad).is_err(), "{bad}");
        }
    }
}
