//! The `Link` header (RFC 8288), as python-requests reads it.

use http::{HeaderMap, header::LINK};

/// One link of a response's `Link` header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Where it leads, as it is written.
    pub url: String,
    /// What it is: `next`, `last`; empty if it does not say.
    pub rel: String,
    /// Its other parameters.
    pub parameters: Vec<(String, String)>,
}

pub(super) fn links(headers: &HeaderMap) -> Vec<Link> {
    let lines = headers.get_all(LINK).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(parse).collect()
}

fn parse(line: &str) -> Vec<Link> {
    let mut links = vec![];
    let mut rest = line;
    while let Some((_, from)) = rest.split_once('<') {
        let Some((url, after)) = from.split_once('>') else { break };
        // The parameters end where the next link begins: URLs may hold commas, so that alone a
        // comma means nothing.
        let end = after.find('<').unwrap_or(after.len());
        let (parameters, next) = after.split_at(end);
        let mut link = Link { url: url.trim().to_owned(), rel: String::new(), parameters: vec![] };
        for parameter in parameters.split(';') {
            let Some((name, value)) = parameter.split_once('=') else { continue };
            let trim = |text: &str| text.trim_matches([' ', ',', '"', '\'', '\t']).to_owned();
            match trim(name).to_ascii_lowercase() {
                name if name == "rel" => link.rel = trim(value),
                name => link.parameters.push((name, trim(value))),
            }
        }
        links.push(link);
        rest = next;
    }
    links
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_told_apart_by_their_angles() {
        let line = "<https://a/?p=2,3>; rel=\"next\", </last>;rel=last; title='The end'";
        let links = parse(line);
        assert_eq!((&*links[0].url, &*links[0].rel), ("https://a/?p=2,3", "next"));
        assert_eq!((&*links[1].url, &*links[1].rel), ("/last", "last"));
        assert_eq!(links[1].parameters, [("title".to_owned(), "The end".to_owned())]);
        assert!(parse("nothing").is_empty() && parse("<open").is_empty());
    }
}
