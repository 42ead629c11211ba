//! Bodies of `multipart/form-data`: files and fields.

use super::body_stream::{BodyStream, Upload};
use crate::error::HttpError;
use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use std::{
    borrow::Cow,
    collections::VecDeque,
    fmt, mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

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
    content: Segment,
}

/// A piece of a form's body.
#[derive(Clone)]
enum Segment {
    Bytes(Bytes),
    Stream(BodyStream),
}

/// A form's body.
pub(super) enum Encoded {
    Whole(Bytes),
    Stream(BodyStream),
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
        let content = Segment::Bytes(content);
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
        let content = Segment::Bytes(content.into());
        self.parts.push(Part { name: name.into(), file, content });
        self
    }

    /// Adds a file whose content is made while it is sent; see [`BodyStream`]. If the lengths of
    /// all streams of a form are known, so is the form's.
    pub fn stream(
        mut self,
        name: impl Into<Cow<'static, str>>,
        file_name: impl Into<Cow<'static, str>>,
        media_type: impl Into<Cow<'static, str>>,
        content: BodyStream,
    ) -> Multipart {
        let file = Some((file_name.into(), media_type.into()));
        self.parts.push(Part { name: name.into(), file, content: Segment::Stream(content) });
        self
    }

    /// The body between lines of `boundary`.
    pub(super) fn encode(&self, boundary: &str) -> Encoded {
        let mut segments = vec![];
        let mut text = BytesMut::new();
        for Part { name, file, content } in &self.parts {
            let name = quoted(name);
            text.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
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
            text.extend_from_slice(head.as_bytes());
            match content {
                Segment::Bytes(bytes) => text.extend_from_slice(bytes),
                stream => {
                    segments.push(Segment::Bytes(mem::take(&mut text).freeze()));
                    segments.push(stream.clone());
                }
            }
            text.extend_from_slice(b"\r\n");
        }
        text.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        let last = text.freeze();
        if segments.is_empty() {
            return Encoded::Whole(last);
        }
        segments.push(Segment::Bytes(last));
        let n_bytes = segments.iter().map(Segment::n_bytes).sum();
        let stream = BodyStream::repeatable(move || Segments {
            next: segments.iter().cloned().collect(),
            upload: None,
        });
        Encoded::Stream(match n_bytes {
            Some(n_bytes) => stream.length(n_bytes),
            None => stream,
        })
    }
}

impl Segment {
    fn n_bytes(&self) -> Option<u64> {
        match self {
            Segment::Bytes(bytes) => Some(bytes.len() as u64),
            Segment::Stream(stream) => stream.n_bytes(),
        }
    }
}

/// The segments of a form, one after the other.
struct Segments {
    next: VecDeque<Segment>,
    upload: Option<Upload>,
}

impl Stream for Segments {
    type Item = Result<Bytes, HttpError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(upload) = &mut self.upload {
                match ready!(upload.poll_next(cx)) {
                    Some(piece) => return Poll::Ready(Some(piece)),
                    None => self.upload = None,
                }
            }
            match self.next.pop_front() {
                None => return Poll::Ready(None),
                Some(Segment::Bytes(bytes)) => return Poll::Ready(Some(Ok(bytes))),
                Some(Segment::Stream(stream)) => match stream.open() {
                    Ok(upload) => self.upload = Some(upload),
                    Err(error) => return Poll::Ready(Some(Err(error))),
                },
            }
        }
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
        let Encoded::Whole(body) = form.encode("B") else { panic!("no stream") };
        let body = String::from_utf8(body.into()).expect("text");
        assert_eq!(
            body,
            "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n\
             --B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x%22y.txt\"\r\n\
             Content-Type: text/plain\r\n\r\nbody\r\n--B--\r\n"
        );
    }
}
