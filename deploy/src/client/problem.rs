//! What a server says when it says no: Problem Details (RFC 9457), and for queries where and how to put it right.

use super::render::clean;
use super::span;
use serde::Deserialize;

/// An error answer; what is absent was not said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Problem {
    /// The stable code.
    pub(crate) code: String,
    /// The same for every problem of the code.
    pub(crate) title: String,
    /// What happened and what to do.
    pub(crate) detail: String,
    /// To find it in the server's log.
    pub(crate) request_id: Option<String>,
    /// Where in the query.
    pub(crate) span: Option<Spans>,
    /// What is meant.
    pub(crate) hint: Option<String>,
    /// The whole query, put right.
    pub(crate) fix: Option<String>,
}

/// A range `[from, to)` of the query, counted in two ways.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Spans {
    /// In bytes of UTF-8.
    pub(crate) bytes: [usize; 2],
}

impl Problem {
    /// The sentence: the detail where there is one, with the server's number for it when it was the server's fault.
    pub(crate) fn sentence(&self) -> String {
        let said = [&self.detail, &self.title, &self.code].into_iter().find(|text| !text.is_empty());
        let said = said.map_or_else(|| "it did not say why".to_owned(), |text| clean(text));
        match self.request_id.as_deref().filter(|_| self.span.is_none()) {
            Some(id) => format!("{said} (request {})", clean(id)),
            None => said,
        }
    }

    /// The sentence for the query that it is about: drawn under the query, with hint and correction.
    pub(crate) fn about(&self, query: &str) -> String {
        let Some(Spans { bytes: [from, to] }) = self.span else { return self.sentence() };
        let mut text = format!("the query cannot be read\n{}\n", span::draw(query, from, to));
        let code = if self.code.is_empty() { String::new() } else { format!("{}: ", clean(&self.code)) };
        text.push_str(&format!("{code}{}", self.sentence()));
        if let Some(hint) = self.hint.as_deref().filter(|hint| *hint != self.detail) {
            text.push_str(&format!("\nhint: {}", clean(hint)));
        }
        if let Some(fix) = &self.fix {
            text.push_str(&format!("\ntry:  {}", clean(fix)));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_error_is_drawn_with_hint_and_correction() {
        let problem: Problem = serde_json::from_str(
            r#"{"type":"about:blank","status":400,"code":"E102","title":"Unknown value","detail":"\"eror\" is no level",
                "span":{"utf16":[8,18],"bytes":[8,18]},"hint":"did you mean level:error?","fix":"csp:434 level:error"}"#,
        )
        .unwrap();
        assert_eq!(
            problem.about("csp:434 level:eror"),
            "the query cannot be read\n    csp:434 level:eror\n            ──────────\nE102: \"eror\" is no level\nhint: did you mean level:error?\ntry:  csp:434 level:error"
        );
    }

    #[test]
    fn without_a_detail_the_title_speaks() {
        let problem: Problem = serde_json::from_str(r#"{"title":"Not found","request_id":"r1"}"#).unwrap();
        assert_eq!(problem.sentence(), "Not found (request r1)");
        assert_eq!(Problem::default().sentence(), "it did not say why");
    }
}
