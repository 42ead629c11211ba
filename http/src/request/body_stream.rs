//! Request bodies that are made while they are sent.

use crate::error::HttpError;
use bytes::Bytes;
use futures_core::Stream;
use std::{
    cell::RefCell,
    error::Error,
    fmt,
    fs::File,
    io::{self, Read},
    path::PathBuf,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

/// Bytes that are read from a file or a reader at a time.
const READ_BYTES: usize = 64 * 1024;

/// Empty pieces taken in a row; then others get their turn.
const EMPTY_PIECES_MAX: usize = 64;

type Piece = Result<Bytes, Box<dyn Error>>;
type Pieces = Pin<Box<dyn Stream<Item = Piece>>>;

/// A request's body that comes piece by piece, for [`crate::RequestBuilder::body_stream`]:
/// Locust's `data` with a generator or a file. The next piece is asked for when the last one is on
/// its way, so a body of any size takes the memory of one piece.
///
/// With [`BodyStream::length`] the request has a `Content-Length`, without it is chunked. A stream
/// can be sent once: a redirect that keeps the body (307, 308) and a Digest challenge would send it
/// again, and are python-requests' `UnrewindableBodyError`, unless the stream is
/// [`BodyStream::repeatable`].
///
/// ```
/// use hatchery_http::BodyStream;
///
/// let lines = (0..1_000).map(|i| format!("line {i}\n"));
/// let body = BodyStream::pieces(lines);
/// ```
#[derive(Clone)]
pub struct BodyStream {
    source: Rc<RefCell<Source>>,
    length: Option<u64>,
}

enum Source {
    /// `None` when it is on its way, or was.
    Once(Option<Pieces>),
    Again(Box<dyn FnMut() -> Pieces>),
}

impl BodyStream {
    /// A stream of pieces, any of which may be an error: then the request fails with its text.
    pub fn new<S, B, E>(stream: S) -> BodyStream
    where
        S: Stream<Item = Result<B, E>> + 'static,
        B: Into<Bytes>,
        E: Into<Box<dyn Error>>,
    {
        BodyStream::of(Source::Once(Some(Box::pin(Converted { stream }))))
    }

    /// The pieces of an iterator.
    pub fn pieces<I>(pieces: I) -> BodyStream
    where
        I: IntoIterator<Item: Into<Bytes>, IntoIter: 'static>,
    {
        let pieces = pieces.into_iter().map(|piece| Ok(piece.into()));
        BodyStream::of(Source::Once(Some(Box::pin(Iterated(pieces)))))
    }

    /// What a reader gives, in pieces of 64 KiB. It is read on the core that the user lives on,
    /// and holds up its neighbours while it blocks.
    pub fn reader(reader: impl Read + 'static) -> BodyStream {
        BodyStream::of(Source::Once(Some(Box::pin(Iterated(Reading::new(Ok(reader)))))))
    }

    /// A file, opened anew each time it is sent. It is read as by [`BodyStream::reader`], which is
    /// meant for files that the kernel has in memory.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn file(path: impl Into<PathBuf>) -> io::Result<BodyStream> {
        let path = path.into();
        let n_bytes = File::open(&path)?.metadata()?.len();
        let open = move || -> Pieces {
            let named = |error| io::Error::other(format!("{}: {error}", path.display()));
            Box::pin(Iterated(Reading::new(File::open(&path).map_err(named))))
        };
        Ok(BodyStream::of(Source::Again(Box::new(open))).length(n_bytes))
    }

    /// A stream that is made anew each time it is sent, so that redirects can be followed.
    pub fn repeatable<S, B, E>(mut make: impl FnMut() -> S + 'static) -> BodyStream
    where
        S: Stream<Item = Result<B, E>> + 'static,
        B: Into<Bytes>,
        E: Into<Box<dyn Error>>,
    {
        BodyStream::of(Source::Again(Box::new(move || Box::pin(Converted { stream: make() }))))
    }

    /// Says how many bytes will come, for `Content-Length`. If it is not true, the request fails.
    pub fn length(mut self, n_bytes: u64) -> BodyStream {
        self.length = Some(n_bytes);
        self
    }

    fn of(source: Source) -> BodyStream {
        BodyStream { source: Rc::new(RefCell::new(source)), length: None }
    }

    /// How many bytes will come, if that is known.
    pub(crate) fn n_bytes(&self) -> Option<u64> {
        self.length
    }

    /// Whether it can be sent now, or once more.
    pub(crate) fn is_unsent(&self) -> bool {
        !matches!(&*self.source.borrow(), Source::Once(None))
    }

    /// Begins to send it.
    pub(crate) fn open(&self) -> Result<Upload, HttpError> {
        let pieces = match &mut *self.source.borrow_mut() {
            Source::Once(pieces) => pieces.take(),
            Source::Again(make) => Some(make()),
        };
        let pieces = pieces.ok_or_else(HttpError::unrewindable)?;
        let stream = self.clone();
        Ok(Upload { pieces: Some(pieces), stream, n_bytes: 0, has_begun: false })
    }
}

impl fmt::Debug for BodyStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyStream").field("length", &self.length).finish_non_exhaustive()
    }
}

/// A body on its way. If it is dropped before anything was asked of it, it can be sent yet.
pub(crate) struct Upload {
    /// `None` once they have ended.
    pieces: Option<Pieces>,
    stream: BodyStream,
    n_bytes: u64,
    has_begun: bool,
}

impl Upload {
    /// How many bytes will come, if that is known.
    pub(crate) fn length(&self) -> Option<u64> {
        self.stream.length
    }

    /// The next piece, never an empty one.
    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, HttpError>>> {
        self.has_begun = true;
        for _ in 0..EMPTY_PIECES_MAX {
            let Some(pieces) = &mut self.pieces else { return Poll::Ready(None) };
            let piece = ready!(pieces.as_mut().poll_next(cx));
            if piece.as_ref().is_some_and(|piece| piece.as_ref().is_ok_and(Bytes::is_empty)) {
                continue;
            }
            if !matches!(piece, Some(Ok(_))) {
                self.pieces = None;
            }
            return Poll::Ready(self.check(piece).transpose());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn check(&mut self, piece: Option<Piece>) -> Result<Option<Bytes>, HttpError> {
        let piece = piece.transpose().map_err(|error| HttpError::upload(&*error))?;
        self.n_bytes += piece.as_ref().map_or(0, |piece| piece.len() as u64);
        let Some(length) = self.stream.length else { return Ok(piece) };
        if self.n_bytes > length || piece.is_none() && self.n_bytes < length {
            self.pieces = None;
            return Err(HttpError::upload_length(length, self.n_bytes));
        }
        Ok(piece)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.has_begun
            && let Source::Once(pieces) = &mut *self.stream.source.borrow_mut()
        {
            *pieces = self.pieces.take();
        }
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload").field("n_bytes", &self.n_bytes).finish_non_exhaustive()
    }
}

pin_project_lite::pin_project! {
    /// A stream whose pieces are bytes of any kind.
    struct Converted<S> {
        #[pin]
        stream: S,
    }
}

impl<S, B, E> Stream for Converted<S>
where
    S: Stream<Item = Result<B, E>>,
    B: Into<Bytes>,
    E: Into<Box<dyn Error>>,
{
    type Item = Piece;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Piece>> {
        let piece = ready!(self.project().stream.poll_next(cx));
        Poll::Ready(piece.map(|piece| piece.map(Into::into).map_err(Into::into)))
    }
}

/// An iterator as a stream.
struct Iterated<I>(I);

impl<I: Iterator<Item = Piece>> Stream for Iterated<I> {
    type Item = Piece;

    fn poll_next(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Piece>> {
        // Nothing of the iterator is pinned.
        Poll::Ready(self.get_mut().0.next())
    }
}

impl<I> Unpin for Iterated<I> {}

/// A reader's pieces.
struct Reading<R>(Option<io::Result<R>>);

impl<R: Read> Reading<R> {
    fn new(reader: io::Result<R>) -> Reading<R> {
        Reading(Some(reader))
    }
}

impl<R: Read> Iterator for Reading<R> {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        let mut reader = match self.0.take()? {
            Ok(reader) => reader,
            Err(error) => return Some(Err(error.into())),
        };
        let mut bytes = Vec::with_capacity(READ_BYTES);
        match reader.by_ref().take(READ_BYTES as u64).read_to_end(&mut bytes) {
            Err(error) => Some(Err(error.into())),
            Ok(0) => None,
            Ok(_) => {
                self.0 = Some(Ok(reader));
                Some(Ok(bytes.into()))
            }
        }
    }
}
