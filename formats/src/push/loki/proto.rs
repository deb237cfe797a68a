//! `logproto.PushRequest`, in snappy's block form. Numbers of fields: `pkg/push/push.proto` of grafana/loki.

use super::super::protobuf::Message;
use super::super::{DecodeError, Take};
use super::{LABELS_MAX, Pairs, item, labels};
use crate::record::Problem;
use std::borrow::Cow;

/// How many bytes a body of snappy's block form unfolds to. The length stands at its beginning, so a bomb is seen before it unfolds.
///
/// # Errors
/// When it is damaged, or would be larger than `bytes_max`.
pub fn unfolded_len(body: &[u8], bytes_max: usize) -> Result<usize, DecodeError> {
    let length = snap::raw::decompress_len(body).map_err(damaged)?;
    if length > bytes_max { Err(DecodeError::TooLarge(bytes_max)) } else { Ok(length) }
}

/// Decompresses a body of snappy's block form, to at most so many bytes.
///
/// # Errors
/// When it is damaged or larger.
pub fn unfold(body: &[u8], bytes_max: usize) -> Result<Vec<u8>, DecodeError> {
    unfolded_len(body, bytes_max)?;
    snap::raw::Decoder::new().decompress_vec(body).map_err(damaged)
}

fn damaged(error: snap::Error) -> DecodeError {
    DecodeError::malformed(format!("the body is not compressed with snappy (block form): {error}"))
}

/// Walks the entries of a push, decompressed already.
///
/// # Errors
/// When the body is no such message, or the items are refused.
pub fn decode(body: &[u8], take: Take<'_>) -> Result<(), DecodeError> {
    let mut request = Message::new(body);
    while let Some((field, value)) = request.next()? {
        if field == 1 {
            stream(value.bytes()?, take)?;
        }
    }
    Ok(())
}

fn stream(bytes: &[u8], take: Take<'_>) -> Result<(), DecodeError> {
    let mut text = Cow::Borrowed("{}");
    let mut fields = Message::new(bytes);
    while let Some((field, value)) = fields.next()? {
        if field == 1 {
            text = value.text()?;
        }
    }
    let labels = labels::read(&text)?;
    let mut fields = Message::new(bytes);
    while let Some((field, value)) = fields.next()? {
        if field == 2 {
            entry(value.bytes()?, &labels, take)?;
        }
    }
    Ok(())
}

fn entry(bytes: &[u8], labels: &Pairs<'_>, take: Take<'_>) -> Result<(), DecodeError> {
    let (mut time_ns, mut line, mut metadata) = (None, Cow::Borrowed(""), Pairs::new());
    let mut fields = Message::new(bytes);
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => time_ns = timestamp(value.bytes()?)?,
            2 => line = value.text()?,
            3 if metadata.len() < LABELS_MAX => metadata.push(pair(value.bytes()?)?),
            _ => {}
        }
    }
    let mut item = item(time_ns, &line, labels, &metadata);
    // What is UTF-8 is not copied.
    if matches!(line, Cow::Owned(_)) {
        item.wrong.insert(Problem::BadUtf8);
    }
    take(item)
}

/// `google.protobuf.Timestamp`; `None` for one that 64 bits of nanoseconds do not hold.
fn timestamp(bytes: &[u8]) -> Result<Option<i64>, DecodeError> {
    let (mut seconds, mut nanos) = (0, 0);
    let mut fields = Message::new(bytes);
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => seconds = value.number()?.cast_signed(),
            2 => nanos = value.number()?.cast_signed(),
            _ => {}
        }
    }
    Ok(seconds.checked_mul(1_000_000_000).and_then(|ns| ns.checked_add(nanos)))
}

fn pair(bytes: &[u8]) -> Result<(Cow<'_, str>, Cow<'_, str>), DecodeError> {
    let mut pair = (Cow::Borrowed(""), Cow::Borrowed(""));
    let mut fields = Message::new(bytes);
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => pair.0 = value.text()?,
            2 => pair.1 = value.text()?,
            _ => {}
        }
    }
    Ok(pair)
}
