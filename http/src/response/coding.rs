//! Content codings, undone piece by piece: some bytes in, some bytes out, and never much at once.
//!
//! A few compressed bytes may stand for gigabytes. So a step yields a limited amount, and the rest
//! stays compressed until somebody asks for it.

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use flate2::write::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use std::{
    io::{self, Write},
    mem,
};
use zstd::{
    stream::raw::{Decoder as ZstdDecoder, InBuffer, Operation, OutBuffer},
    zstd_safe::DParameter,
};

/// Bytes that a step of brotli or zstd yields at most. flate2's steps are three times that at most:
/// its buffer, its window, and what a few bits may stand for.
const STEP_BYTES_MAX: usize = 32 * 1024;

/// How far zstd may look back: 8 MiB, the most that RFC 9659 allows in HTTP.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// One coding being undone.
pub(super) enum Coding {
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
    Deflate(Deflate),
    Brotli(Box<Brotli>),
    Zstd(Box<Zstd>),
}

impl Coding {
    /// The coding of that name; `None` if it is not one of those that were asked for.
    pub(super) fn of(name: &str) -> io::Result<Option<Coding>> {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        Ok(Some(match () {
            () if is("gzip") || is("x-gzip") => Coding::Gzip(Box::new(MultiGzDecoder::new(vec![]))),
            () if is("deflate") => Coding::Deflate(Deflate::Unknown(vec![])),
            () if is("br") => Coding::Brotli(Box::new(Brotli::new())),
            () if is("zstd") => Coding::Zstd(Box::new(Zstd::new()?)),
            () => return Ok(None),
        }))
    }

    /// Takes some of `input` and yields what that gives: how many bytes were taken, and what came
    /// out. Nothing taken and nothing out: it has no use for more.
    pub(super) fn step(&mut self, input: &[u8]) -> io::Result<(usize, Vec<u8>)> {
        match self {
            Coding::Gzip(gzip) => step_flate(gzip.as_mut(), MultiGzDecoder::get_mut, input),
            Coding::Deflate(deflate) => deflate.step(input),
            Coding::Brotli(brotli) => brotli.step(input),
            Coding::Zstd(zstd) => zstd.step(input),
        }
    }

    /// No input comes any more: whether the end was reached.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        match self {
            Coding::Gzip(gzip) => gzip.try_finish(),
            Coding::Deflate(Deflate::Unknown(_)) => Err(io::ErrorKind::UnexpectedEof.into()),
            Coding::Deflate(Deflate::Raw(raw)) => raw.try_finish(),
            Coding::Deflate(Deflate::Zlib(zlib)) => zlib.try_finish(),
            Coding::Brotli(brotli) => ended(brotli.has_ended),
            Coding::Zstd(zstd) => ended(zstd.has_ended),
        }
    }
}

fn ended(has_ended: bool) -> io::Result<()> {
    if has_ended { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

fn step_flate<W: Write>(
    decoder: &mut W,
    output: impl FnOnce(&mut W) -> &mut Vec<u8>,
    input: &[u8],
) -> io::Result<(usize, Vec<u8>)> {
    let n_taken = if input.is_empty() { 0 } else { decoder.write(input)? };
    // Brings out what it holds back, which is little.
    decoder.flush()?;
    Ok((n_taken, mem::take(output(decoder))))
}

/// Deflated data with the zlib header that it ought to have, or without; some servers leave it out.
pub(super) enum Deflate {
    /// The first two bytes tell.
    Unknown(Vec<u8>),
    Raw(Box<DeflateDecoder<Vec<u8>>>),
    Zlib(Box<ZlibDecoder<Vec<u8>>>),
}

impl Deflate {
    fn step(&mut self, input: &[u8]) -> io::Result<(usize, Vec<u8>)> {
        match self {
            Deflate::Unknown(first) => {
                let n = input.len().min(2 - first.len());
                first.extend_from_slice(&input[..n]);
                let &mut [one, two] = first.as_mut_slice() else { return Ok((n, vec![])) };
                let mut known = match one & 0x0f == 8 && u16::from_be_bytes([one, two]) % 31 == 0 {
                    true => Deflate::Zlib(Box::new(ZlibDecoder::new(vec![]))),
                    false => Deflate::Raw(Box::new(DeflateDecoder::new(vec![]))),
                };
                let (_, output) = known.step(&[one, two])?;
                *self = known;
                Ok((n, output))
            }
            Deflate::Raw(raw) => step_flate(raw.as_mut(), DeflateDecoder::get_mut, input),
            Deflate::Zlib(zlib) => step_flate(zlib.as_mut(), ZlibDecoder::get_mut, input),
        }
    }
}

pub(super) struct Brotli {
    state: BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>,
    has_ended: bool,
}

impl Brotli {
    fn new() -> Brotli {
        let alloc = StandardAlloc::default;
        // Strict: the windows of RFC 7932, 16 MiB at most.
        Brotli { state: BrotliState::new_strict(alloc(), alloc(), alloc()), has_ended: false }
    }

    fn step(&mut self, input: &[u8]) -> io::Result<(usize, Vec<u8>)> {
        if self.has_ended {
            return Ok((0, vec![]));
        }
        let mut output = vec![0; STEP_BYTES_MAX];
        let (mut n_in, mut n_taken) = (input.len(), 0);
        let (mut n_room, mut n_out, mut n_total) = (output.len(), 0, 0);
        let result = BrotliDecompressStream(
            &mut n_in,
            &mut n_taken,
            input,
            &mut n_room,
            &mut n_out,
            &mut output,
            &mut n_total,
            &mut self.state,
        );
        match result {
            BrotliResult::ResultFailure => return Err(io::Error::other("invalid data")),
            BrotliResult::ResultSuccess => self.has_ended = true,
            BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => {}
        }
        output.truncate(n_out);
        Ok((n_taken, output))
    }
}

pub(super) struct Zstd {
    decoder: ZstdDecoder<'static>,
    /// Whether the last frame has ended; another may follow.
    has_ended: bool,
}

impl Zstd {
    fn new() -> io::Result<Zstd> {
        let mut decoder = ZstdDecoder::new()?;
        decoder.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG_MAX))?;
        Ok(Zstd { decoder, has_ended: false })
    }

    fn step(&mut self, input: &[u8]) -> io::Result<(usize, Vec<u8>)> {
        if self.has_ended {
            if input.is_empty() {
                return Ok((0, vec![]));
            }
            self.decoder.reinit()?;
            self.has_ended = false;
        }
        let mut output = vec![0; STEP_BYTES_MAX];
        let mut from = InBuffer::around(input);
        let mut into = OutBuffer::around(output.as_mut_slice());
        self.has_ended = self.decoder.run(&mut from, &mut into)? == 0;
        let (n_taken, n_out) = (from.pos(), into.pos());
        output.truncate(n_out);
        Ok((n_taken, output))
    }
}
