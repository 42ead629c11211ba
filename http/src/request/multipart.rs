//! Bodies of `multipart/form-data`: files and fields.

use bytes::Bytes;
use std::{borrow::Cow, fmt};

/// Fields and files for [`crate::RequestBuilder::multipart`]. Locust's `files` and `data` at once.
///
/// ```
/// use hatchery_http::Multipart;
///
/// let form = Multipart::new()
///     .text("title", "holiday")
///     .file("photo", "beach.jpg", "image/jpeg", vec![0xff, 0xd8]);
/// ```
#[derive(Clone, Default)]
pub struct Multipart {
    parts: Vec<Part>,
}

#[derive(Clone)]
struct Part {
    name: Cow<'static, str>,
    file: Option<(Cow<'static, str>, Cow<'static, str>)>,
    content: Bytes,
}

impl Multipart {
    /// A form without fields.
    pub fn new() -> Multipart {
        Multipart::default()
    }

    /// Adds a field.
    pub fn text(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<Cow<'static, str>>,
    ) -> Multipart {
        let content = match value.into() {
            Cow::Borrowed(text) => Bytes::from_static(text.as_bytes()),
            Cow::Owned(text) => Bytes::from(text),
        };
        self.parts.push(Part { name: name.into(), file: None, content });
        self
    }

    /// Adds a file: the field's name, the file's name, its media type and its content.
    pub fn file(
        mut self,
        name: impl Into<Cow<'static, str>>,
        file_name: impl Into<Cow<'static, str>>,
        media_type: impl Into<Cow<'static, str>>,
        content: impl Into<Bytes>,
    ) -> Multipart {
        let file = Some((file_name.into(), media_type.into()));
        self.parts.push(Part { name: name.into(), file, content: content.into() });
        self
    }

    /// The body between lines of `boundary`.
    pub(super) fn encode(&self, boundary: &str) -> Vec<u8> {
        let n_bytes: usize = self.parts.iter().map(|part| part.content.len() + 256).sum();
        let mut body = Vec::with_capacity(n_bytes + boundary.len() + 8);
        for Part { name, file, content } in &self.parts {
            let name = quoted(name);
            body.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
            let head = match file {
                None => format!("Content-Disposition: form-data; name=\"{name}\"\r\n\r\n"),
                Some((file_name, media_type)) => format!(
                    "Content-Disposition: form-data; name=\"{name}\"; filename=\"{}\"\r\n\
                     Content-Type: {}\r\n\r\n",
                    quoted(file_name),
                    // A line break would be a header of its own.
                    media_type.replace(['\r', '\n'], " "),
                ),
            };
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(content);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        body
    }
}

/// A name as HTML's forms write it: quotes and line breaks encoded.
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

impl fmt::Debug for Multipart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.parts.iter().map(|part| &part.name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_files_stand_between_boundaries() {
        let form = Multipart::new().text("a", "1").file("f", "x\"y.txt", "text/plain", "body");
        let body = String::from_utf8(form.encode("B")).expect("text");
        assert_eq!(
            body,
            "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n\
             --B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x%22y.txt\"\r\n\
             Content-Type: text/plain\r\n\r\nbody\r\n--B--\r\n"
        );
    }
}
