//! The tokens that LogQL and SQL share: words, numbers, texts in quotes, and signs.

/// One token.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A name, keyword, number or duration.
    Word(String),
    /// Between quotation marks of any kind, unescaped.
    Text(String),
    /// One of the signs.
    Sign(&'static str),
}

/// The longest first.
const SIGNS: [&str; 26] = [
    "|=", "|~", "!=", "!~", "=~", "<>", "<=", ">=", "==", "{", "}", "(", ")", "[", "]", ",", "=", "<", ">", "|", "*", ";", "+", "-", "/",
    "%",
];

/// Tokens that are read one by one.
#[derive(Debug)]
pub(super) struct Tokens {
    tokens: Vec<Token>,
    at: usize,
}

impl Tokens {
    /// Reads a text; nothing when something of it is no token.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut tokens = Vec::new();
        let mut rest = text.trim_start();
        while let Some(c) = rest.chars().next() {
            let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | ':');
            if is_word(c) {
                let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                tokens.push(Token::Word(rest[..length].to_owned()));
                rest = &rest[length..];
            } else if matches!(c, '"' | '\'' | '`') {
                let (text, length) = quoted(rest, c)?;
                tokens.push(Token::Text(text));
                rest = &rest[length..];
            } else {
                let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign))?;
                tokens.push(Token::Sign(sign));
                rest = &rest[sign.len()..];
            }
            rest = rest.trim_start();
        }
        Some(Self { tokens, at: 0 })
    }

    pub(super) fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    pub(super) fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += usize::from(token.is_some());
        token
    }

    pub(super) fn is_end(&self) -> bool {
        self.at >= self.tokens.len()
    }

    /// Takes this sign, when it is the next token.
    pub(super) fn sign(&mut self, sign: &str) -> bool {
        let there = matches!(self.peek(), Some(Token::Sign(found)) if *found == sign);
        self.at += usize::from(there);
        there
    }

    /// Takes the first of these signs that is the next token.
    pub(super) fn any_sign(&mut self, signs: &[&'static str]) -> Option<&'static str> {
        signs.iter().find(|sign| self.sign(sign)).copied()
    }

    /// Takes this word, in any case.
    pub(super) fn keyword(&mut self, word: &str) -> bool {
        let there = matches!(self.peek(), Some(Token::Word(found)) if found.eq_ignore_ascii_case(word));
        self.at += usize::from(there);
        there
    }

    /// Takes any word.
    pub(super) fn word(&mut self) -> Option<String> {
        let Some(Token::Word(word)) = self.peek() else { return None };
        let word = word.clone();
        self.at += 1;
        Some(word)
    }

    /// Takes any text in quotes.
    pub(super) fn text(&mut self) -> Option<String> {
        let Some(Token::Text(text)) = self.peek() else { return None };
        let text = text.clone();
        self.at += 1;
        Some(text)
    }

    /// Several names with commas between them.
    pub(super) fn names(&mut self) -> Option<Vec<String>> {
        let mut names = vec![self.word()?];
        while self.sign(",") {
            names.push(self.word()?);
        }
        Some(names)
    }

    pub(super) fn place(&self) -> usize {
        self.at
    }

    pub(super) fn back_to(&mut self, place: usize) {
        self.at = place;
    }
}

/// The text between quotes at the start, and how long it is with them.
fn quoted(text: &str, quote: char) -> Option<(String, usize)> {
    let mut unescaped = String::new();
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            // SQL writes a quote twice.
            '\'' if quote == '\'' && chars.next_if(|(_, next)| *next == '\'').is_some() => unescaped.push('\''),
            c if c == quote => return Some((unescaped, at + c.len_utf8())),
            '\\' if quote == '"' => match chars.next()?.1 {
                escaped @ ('"' | '\\') => unescaped.push(escaped),
                'n' => unescaped.push('\n'),
                't' => unescaped.push('\t'),
                // Of a regular expression.
                other => unescaped.extend(['\\', other]),
            },
            c => unescaped.push(c),
        }
    }
    None
}
