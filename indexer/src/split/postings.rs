//! Words to patterns: the border to tantivy. A document is a pattern of a field, in the order of fields and patterns.
//!
//! Useful for: *which patterns have this word*, and *which words are there between these bounds*. Not useful for stored rows, columns and order,
//! which are the split's own. Terms are the words of a pattern's text as `martlog_formats::words` gives them: those with a variable in it have its digit.
//!
//! The segment is written into memory and its files are bundled as sections `index/<name>`. Nothing is stored in tantivy, so the document store
//! (5 bytes a document even when empty) is cut down to its footer. Callers check the sections' checksums: tantivy trusts its bytes.

use super::bits::Bits;
use super::codec::damaged;
use martlog_formats::words;
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

const TOKENIZER: &str = "words";
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
    writer: SingleSegmentIndexWriter<Pattern>,
    field: Field,
    directory: RamDirectory,
}

/// The index of a split.
pub(crate) struct Postings {
    words: Arc<InvertedIndexReader>,
}

fn schema() -> (Schema, Field) {
    let indexing = TextFieldIndexing::default().set_tokenizer(TOKENIZER).set_index_option(IndexRecordOption::Basic).set_fieldnorms(false);
    let mut schema = Schema::builder();
    let field = schema.add_text_field("words", TextOptions::default().set_indexing_options(indexing));
    (schema.build(), field)
}

impl Writer {
    /// For about this many bytes of text.
    pub(super) fn new(text_bytes: usize) -> io::Result<Self> {
        let (schema, field) = schema();
        let tokenizers = TokenizerManager::new();
        tokenizers.register(TOKENIZER, TextAnalyzer::builder(WordTokenizer::default()).build());
        let directory = RamDirectory::create();
        let budget = text_bytes.clamp(*BUDGET_BYTES.start(), *BUDGET_BYTES.end());
        let writer = Index::builder()
            .schema(schema)
            .tokenizers(tokenizers)
            .single_segment_index_writer(directory.clone(), budget)
            .map_err(io::Error::other)?;
        Ok(Self { writer, field, directory })
    }

    /// Adds the next pattern.
    pub(super) fn add(&mut self, text: &str) -> io::Result<()> {
        self.writer.add_document(Pattern { field: self.field, text: text.to_owned() }).map_err(io::Error::other)
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
        f.debug_struct("Postings").field("words", &self.words.terms().num_terms()).finish()
    }
}

impl Postings {
    /// Opens the files of an index, whose checksums are right.
    pub(super) fn open(files: Vec<(String, OwnedBytes)>) -> io::Result<Self> {
        let files = files.into_iter().map(|(name, bytes)| (PathBuf::from(name), bytes)).collect();
        let index = Index::open(Bundle { files: Arc::new(files) }).map_err(io::Error::other)?;
        let segments = index.searchable_segments().map_err(io::Error::other)?;
        let segment = SegmentReader::open(segments.first().ok_or_else(|| damaged("no segment"))?).map_err(io::Error::other)?;
        Ok(Self { words: segment.inverted_index(schema().1).map_err(io::Error::other)? })
    }

    /// Adds the documents that have this word.
    pub(crate) fn docs_of(&self, word: &str, docs: &mut Bits) -> io::Result<()> {
        self.words.terms().get(word)?.map_or(Ok(()), |info| self.add(&info, docs))
    }

    /// Hands out the words that begin with `prefix`, each with a way to its documents; `more` is asked now and then and may stop it with an error.
    pub(crate) fn for_each_word(
        &self,
        prefix: &str,
        mut word: impl FnMut(&str, &dyn Fn(&mut Bits) -> io::Result<()>) -> io::Result<()>,
        more: &mut dyn FnMut() -> io::Result<()>,
    ) -> io::Result<()> {
        let mut range = self.words.terms().range().ge(prefix);
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
            if let Ok(text) = std::str::from_utf8(stream.key()) {
                word(text, &|docs| self.add(stream.value(), docs))?;
            }
        }
        Ok(())
    }

    fn add(&self, info: &TermInfo, docs: &mut Bits) -> io::Result<()> {
        let mut postings = self.words.read_block_postings_from_terminfo(info, IndexRecordOption::Basic)?;
        while postings.block_len() > 0 {
            postings.docs().iter().for_each(|doc| docs.set(*doc as usize));
            postings.advance();
        }
        Ok(())
    }
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

/// A pattern as tantivy sees it.
#[derive(Debug)]
struct Pattern {
    field: Field,
    text: String,
}

impl Document for Pattern {
    type Value<'a> = Text<'a>;
    type FieldsValuesIter<'a> = std::iter::Once<(Field, Text<'a>)>;

    fn iter_fields_and_values(&self) -> Self::FieldsValuesIter<'_> {
        std::iter::once((self.field, Text(&self.text)))
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

/// A tokenizer whose tokens are our words.
#[derive(Debug, Clone, Default)]
struct WordTokenizer {
    token: Token,
}

struct WordStream<'a> {
    words: words::Words<'a>,
    token: &'a mut Token,
}

impl Tokenizer for WordTokenizer {
    type TokenStream<'a> = WordStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> WordStream<'a> {
        self.token.reset();
        WordStream { words: words::words(text), token: &mut self.token }
    }
}

impl TokenStream for WordStream<'_> {
    fn advance(&mut self) -> bool {
        let Some(word) = self.words.next() else { return false };
        self.token.text.clear();
        self.token.text.push_str(&word);
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

    fn index(patterns: &[&str]) -> Postings {
        let mut writer = Writer::new(0).unwrap();
        patterns.iter().for_each(|pattern| writer.add(pattern).unwrap());
        Postings::open(writer.finish().unwrap()).unwrap()
    }

    #[test]
    fn patterns_are_found_by_word_and_by_prefix() {
        let postings = index(&["Timeout of abonent", "", "timer0 of абонент", "timeout timeout"]);
        let docs = |word: &str| {
            let mut docs = Bits::none(4);
            postings.docs_of(word, &mut docs).unwrap();
            docs.iter().collect::<Vec<_>>()
        };
        assert_eq!(docs("timeout"), [0, 3]);
        assert_eq!(docs("абонент"), [2]);
        assert_eq!(docs("abon"), [] as [usize; 0]);
        let mut found = Bits::none(4);
        let pass = |word: &str, add: &dyn Fn(&mut Bits) -> io::Result<()>| if word == "timeout" { Ok(()) } else { add(&mut found) };
        postings.for_each_word("tim", pass, &mut || Ok(())).unwrap();
        assert_eq!(found.iter().collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn an_index_without_words_opens() {
        assert!(format!("{:?}", index(&["", ""])).contains("words: 0"));
    }
}
