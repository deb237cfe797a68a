//! Terms to rows: the border to tantivy. A document is a row, in the order of rows.
//!
//! Useful for: *which rows have this word*, and *which words are there between these bounds*. Not useful for stored rows, columns and order,
//! which are the split's own.
//!
//! The segment is written into memory and its files are bundled as sections `index/<name>`. Nothing is stored in tantivy, so the document store
//! (5 bytes a row even when empty) is cut down to its footer. Callers check the sections' checksums: tantivy trusts its bytes.

use super::bits::Bits;
use super::codec::damaged;
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tantivy::directory::error::{DeleteError, LockError, OpenReadError, OpenWriteError};
use tantivy::directory::{Directory, DirectoryLock, FileHandle, Lock, OwnedBytes, RamDirectory, WatchCallback, WatchHandle, WritePtr};
use tantivy::index::SegmentComponent;
use tantivy::indexer::SingleSegmentIndexWriter;
use tantivy::postings::TermInfo;
use tantivy::schema::document::{Document, ReferenceValue, ReferenceValueLeaf, Value};
use tantivy::schema::{Field, IndexRecordOption, Schema, TextFieldIndexing, TextOptions};
use tantivy::tokenizer::{TextAnalyzer, Token, TokenStream, Tokenizer, TokenizerManager};
use tantivy::{Index, InvertedIndexReader, SegmentReader};

const TOKENIZER: &str = "lines";
const META: &str = "meta.json";
/// The files of a segment that opening it asks for.
const FILES: [SegmentComponent; 6] = [
    SegmentComponent::Terms,
    SegmentComponent::Postings,
    SegmentComponent::Positions,
    SegmentComponent::FastFields,
    SegmentComponent::FieldNorms,
    SegmentComponent::Store,
];
/// Terms that are looked at before the search is asked whether it goes on.
const TERMS_PER_CHECK: u32 = 4_096;
/// The writer sizes its hash table by this, bytes; it is no limit.
const BUDGET_BYTES: std::ops::RangeInclusive<usize> = 1 << 20..=128 << 20;

/// Builds the index of a split.
pub(super) struct Writer {
    writer: SingleSegmentIndexWriter<RowTerms>,
    fields: Fields,
    directory: RamDirectory,
}

/// The index of a split.
pub(crate) struct Postings {
    terms: Arc<InvertedIndexReader>,
    stems: Arc<InvertedIndexReader>,
}

/// The two fields, in the order of the schema.
#[derive(Debug, Clone, Copy)]
struct Fields {
    terms: Field,
    stems: Field,
}

fn schema() -> (Schema, Fields) {
    let indexing = TextFieldIndexing::default().set_tokenizer(TOKENIZER).set_index_option(IndexRecordOption::Basic).set_fieldnorms(false);
    let options = TextOptions::default().set_indexing_options(indexing);
    let mut schema = Schema::builder();
    let fields = Fields { terms: schema.add_text_field("terms", options.clone()), stems: schema.add_text_field("stems", options) };
    (schema.build(), fields)
}

impl Writer {
    /// For about this many bytes of text.
    pub(super) fn new(text_bytes: usize) -> io::Result<Self> {
        let (schema, fields) = schema();
        let tokenizers = TokenizerManager::new();
        tokenizers.register(TOKENIZER, TextAnalyzer::builder(Lines::default()).build());
        let directory = RamDirectory::create();
        let budget = text_bytes.clamp(*BUDGET_BYTES.start(), *BUDGET_BYTES.end());
        let writer = Index::builder()
            .schema(schema)
            .tokenizers(tokenizers)
            .single_segment_index_writer(directory.clone(), budget)
            .map_err(io::Error::other)?;
        Ok(Self { writer, fields, directory })
    }

    /// Adds the next row: its terms and stems, each followed by a newline.
    pub(super) fn add(&mut self, terms: &str, stems: &str) -> io::Result<()> {
        let row = RowTerms { fields: self.fields, terms: terms.to_owned(), stems: stems.to_owned() };
        self.writer.add_document(row).map_err(io::Error::other)
    }

    /// The files of the finished index.
    pub(super) fn finish(self) -> io::Result<Vec<(String, OwnedBytes)>> {
        let index = self.writer.finalize().map_err(io::Error::other)?;
        let segments = index.searchable_segments().map_err(io::Error::other)?;
        let segment = segments.first().ok_or_else(|| io::Error::other("the index has no segment"))?;
        let meta = PathBuf::from(META);
        let mut files = vec![(META.to_owned(), OwnedBytes::new(self.directory.atomic_read(&meta).map_err(io::Error::other)?))];
        for component in FILES {
            let path = segment.relative_path(component.clone());
            let mut bytes = self.directory.open_read(&path).map_err(io::Error::other)?.read_bytes()?;
            if matches!(component, SegmentComponent::Store) {
                bytes = footer_of(&bytes)?;
            }
            files.push((path.to_string_lossy().into_owned(), bytes));
        }
        Ok(files)
    }
}

/// The footer that tantivy puts behind each of its files: JSON, u32 LE length of it, u32 LE magic.
fn footer_of(bytes: &OwnedBytes) -> io::Result<OwnedBytes> {
    let at = bytes.len().checked_sub(8).ok_or_else(|| damaged("a footer"))?;
    let length = bytes.get(at..at + 4).and_then(|field| field.try_into().ok()).map_or(0, u32::from_le_bytes) as usize;
    let from = at.checked_sub(length).ok_or_else(|| damaged("a footer"))?;
    Ok(bytes.slice(from..bytes.len()))
}

impl std::fmt::Debug for Postings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Postings").field("terms", &self.terms.terms().num_terms()).finish()
    }
}

impl Postings {
    /// Opens the files of an index, whose checksums are right.
    pub(super) fn open(files: Vec<(String, OwnedBytes)>) -> io::Result<Self> {
        let files = files.into_iter().map(|(name, bytes)| (PathBuf::from(name), bytes)).collect();
        let index = Index::open(Bundle { files: Arc::new(files) }).map_err(io::Error::other)?;
        let segments = index.searchable_segments().map_err(io::Error::other)?;
        let segment = SegmentReader::open(segments.first().ok_or_else(|| damaged("no segment"))?).map_err(io::Error::other)?;
        let (_, fields) = schema();
        let field = |field| segment.inverted_index(field).map_err(io::Error::other);
        Ok(Self { terms: field(fields.terms)?, stems: field(fields.stems)? })
    }

    /// Adds the rows that have this term.
    pub(crate) fn rows_of(&self, term: &str, rows: &mut Bits) -> io::Result<()> {
        self.terms.terms().get(term)?.map_or(Ok(()), |info| add_rows(&self.terms, &info, rows))
    }

    /// Adds the rows that have a term which begins with `prefix` and passes; `more` is asked now and then and may stop it with an error.
    pub(crate) fn rows_of_terms(
        &self,
        prefix: &str,
        pass: impl FnMut(&str) -> bool,
        rows: &mut Bits,
        more: &mut dyn FnMut() -> io::Result<()>,
    ) -> io::Result<()> {
        add_rows_where(&self.terms, prefix, pass, rows, more)
    }

    /// Adds the rows that have a word which is no term and whose stem is this.
    pub(crate) fn rows_of_stem(&self, stem: &str, rows: &mut Bits) -> io::Result<()> {
        self.stems.terms().get(stem)?.map_or(Ok(()), |info| add_rows(&self.stems, &info, rows))
    }

    /// Adds the rows that have a word which is no term and whose stem begins with `prefix`.
    pub(crate) fn rows_of_stems(&self, prefix: &str, rows: &mut Bits, more: &mut dyn FnMut() -> io::Result<()>) -> io::Result<()> {
        add_rows_where(&self.stems, prefix, |_| true, rows, more)
    }
}

fn add_rows_where(
    index: &InvertedIndexReader,
    prefix: &str,
    mut pass: impl FnMut(&str) -> bool,
    rows: &mut Bits,
    more: &mut dyn FnMut() -> io::Result<()>,
) -> io::Result<()> {
    let mut range = index.terms().range().ge(prefix);
    if let Some(end) = successor(prefix) {
        range = range.lt(end);
    }
    let mut stream = range.into_stream()?;
    let mut seen = 0_u32;
    while stream.advance() {
        seen = seen.wrapping_add(1);
        if seen.is_multiple_of(TERMS_PER_CHECK) {
            more()?;
        }
        if std::str::from_utf8(stream.key()).is_ok_and(&mut pass) {
            add_rows(index, stream.value(), rows)?;
        }
    }
    Ok(())
}

fn add_rows(index: &InvertedIndexReader, info: &TermInfo, rows: &mut Bits) -> io::Result<()> {
    let mut postings = index.read_block_postings_from_terminfo(info, IndexRecordOption::Basic)?;
    while postings.block_len() > 0 {
        postings.docs().iter().for_each(|row| rows.set(*row as usize));
        postings.advance();
    }
    Ok(())
}

/// The smallest bytes that are greater than everything that begins with `prefix`; `None` where there are none.
fn successor(prefix: &str) -> Option<Vec<u8>> {
    let mut bytes = prefix.as_bytes().to_vec();
    while let Some(last) = bytes.pop() {
        if last < u8::MAX {
            bytes.push(last + 1);
            return Some(bytes);
        }
    }
    None
}

/// A row as tantivy sees it.
#[derive(Debug)]
struct RowTerms {
    fields: Fields,
    terms: String,
    stems: String,
}

impl Document for RowTerms {
    type Value<'a> = Text<'a>;
    type FieldsValuesIter<'a> = std::array::IntoIter<(Field, Text<'a>), 2>;

    fn iter_fields_and_values(&self) -> Self::FieldsValuesIter<'_> {
        [(self.fields.terms, Text(&self.terms)), (self.fields.stems, Text(&self.stems))].into_iter()
    }
}

#[derive(Debug, Clone, Copy)]
struct Text<'a>(&'a str);

impl<'a> Value<'a> for Text<'a> {
    type ArrayIter = std::iter::Empty<Self>;
    type ObjectIter = std::iter::Empty<(&'a str, Self)>;

    fn as_value(&self) -> ReferenceValue<'a, Self> {
        ReferenceValue::Leaf(ReferenceValueLeaf::Str(self.0))
    }
}

/// A tokenizer for which each line is a token.
#[derive(Debug, Clone, Default)]
struct Lines {
    token: Token,
}

struct LineStream<'a> {
    rest: &'a str,
    token: &'a mut Token,
}

impl Tokenizer for Lines {
    type TokenStream<'a> = LineStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> LineStream<'a> {
        self.token.reset();
        LineStream { rest: text, token: &mut self.token }
    }
}

impl TokenStream for LineStream<'_> {
    fn advance(&mut self) -> bool {
        let Some((line, rest)) = self.rest.split_once('\n') else { return false };
        self.rest = rest;
        self.token.text.clear();
        self.token.text.push_str(line);
        self.token.position = self.token.position.wrapping_add(1);
        true
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}

/// The bundled files as a directory that only reads.
#[derive(Debug, Clone)]
struct Bundle {
    files: Arc<HashMap<PathBuf, OwnedBytes>>,
}

fn read_only() -> io::Error {
    io::Error::new(io::ErrorKind::ReadOnlyFilesystem, "a split does not change")
}

impl Directory for Bundle {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        let bytes = self.files.get(path).ok_or_else(|| OpenReadError::FileDoesNotExist(path.to_owned()))?;
        Ok(Arc::new(bytes.clone()))
    }

    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        Err(DeleteError::IoError { io_error: Arc::new(read_only()), filepath: path.to_owned() })
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        Ok(self.files.contains_key(path))
    }

    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        Err(OpenWriteError::IoError { io_error: Arc::new(read_only()), filepath: path.to_owned() })
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        self.files.get(path).map(|bytes| bytes.to_vec()).ok_or_else(|| OpenReadError::FileDoesNotExist(path.to_owned()))
    }

    fn atomic_write(&self, _path: &Path, _data: &[u8]) -> io::Result<()> {
        Err(read_only())
    }

    fn sync_directory(&self) -> io::Result<()> {
        Ok(())
    }

    fn acquire_lock(&self, _lock: &Lock) -> Result<DirectoryLock, LockError> {
        Ok(DirectoryLock::from(Box::new(())))
    }

    fn watch(&self, _callback: WatchCallback) -> tantivy::Result<WatchHandle> {
        Ok(WatchHandle::empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(rows: &[&str]) -> Postings {
        let mut writer = Writer::new(0).unwrap();
        for row in rows {
            let terms: String = row.split(' ').filter(|word| !word.is_empty()).map(|word| format!("{word}\n")).collect();
            writer.add(&terms, "").unwrap();
        }
        Postings::open(writer.finish().unwrap()).unwrap()
    }

    #[test]
    fn rows_are_found_by_term_and_by_prefix() {
        let postings = index(&["timeout of abonent", "", "timer of абонент", "timeout timeout"]);
        let rows = |term: &str| {
            let mut rows = Bits::none(4);
            postings.rows_of(term, &mut rows).unwrap();
            rows.iter().collect::<Vec<_>>()
        };
        assert_eq!(rows("timeout"), [0, 3]);
        assert_eq!(rows("абонент"), [2]);
        assert_eq!(rows("abon"), [] as [usize; 0]);
        let mut found = Bits::none(4);
        postings.rows_of_terms("tim", |term| term != "timeout", &mut found, &mut || Ok(())).unwrap();
        assert_eq!(found.iter().collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn an_index_without_terms_opens() {
        assert!(format!("{:?}", index(&["", ""])).contains("terms: 0"));
    }
}
