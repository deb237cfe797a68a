//! Server-sent events, as a stream of bytes is read (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).
//!
//! Invariants: an event is given out only when its empty line has come, so that a connection that breaks in the middle gives no half
//! event; the last id outlives the event that set it; a line, and the data of an event, hold at most [`EVENT_BYTES_MAX`].

/// A row with its attributes and escapes stays far below.
pub(crate) const EVENT_BYTES_MAX: usize = 8 << 20;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    /// `message` where it was not named.
    pub(crate) name: String,
    /// Its lines, joined by newlines.
    pub(crate) data: String,
}

/// An event is over [`EVENT_BYTES_MAX`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

/// The reader's state.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    line: Vec<u8>,
    /// The last byte was a CR: an LF behind it belongs to the same line end.
    after_cr: bool,
    begun: bool,
    name: String,
    data: String,
    has_data: bool,
    id: Option<String>,
}

impl Parser {
    /// Takes the next bytes; the events that they complete, each with the id that holds behind it.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<Vec<(Event, Option<String>)>, TooLong> {
        let mut events = Vec::new();
        for byte in bytes {
            match byte {
                b'\n' if self.after_cr => self.after_cr = false,
                b'\n' | b'\r' => {
                    self.after_cr = *byte == b'\r';
                    events.extend(self.end_line());
                }
                other => {
                    self.after_cr = false;
                    self.line.push(*other);
                }
            }
            if self.line.len() + self.data.len() > EVENT_BYTES_MAX {
                return Err(TooLong);
            }
        }
        Ok(events)
    }

    fn end_line(&mut self) -> Option<(Event, Option<String>)> {
        let bytes = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&bytes);
        let line = if self.begun { &*line } else { line.strip_prefix('\u{feff}').unwrap_or(&line) };
        self.begun = true;
        if line.is_empty() {
            return self.dispatch();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => {
                if self.has_data {
                    self.data.push('\n');
                }
                self.data.push_str(value);
                self.has_data = true;
            }
            "id" if !value.contains('\0') => self.id = Some(value.to_owned()),
            // `retry` is the browser's; a line that begins with a colon is a comment that keeps the connection open.
            _ => {}
        }
        None
    }

    fn dispatch(&mut self) -> Option<(Event, Option<String>)> {
        let (name, data) = (std::mem::take(&mut self.name), std::mem::take(&mut self.data));
        if !std::mem::take(&mut self.has_data) {
            return None;
        }
        let name = if name.is_empty() { "message".to_owned() } else { name };
        Some((Event { name, data }, self.id.clone().filter(|id| !id.is_empty())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(text: &str) -> Vec<(Event, Option<String>)> {
        Parser::default().push(text.as_bytes()).unwrap()
    }

    fn event(name: &str, data: &str) -> Event {
        Event { name: name.to_owned(), data: data.to_owned() }
    }

    #[test]
    fn an_event_has_name_data_and_id() {
        let events = all(": hello\n\nevent: row\nid: c1\ndata: {\"a\":\ndata:1}\n\ndata\n\n");
        assert_eq!(events, [(event("row", "{\"a\":\n1}"), Some("c1".to_owned())), (event("message", ""), Some("c1".to_owned()))]);
    }

    #[test]
    fn an_event_without_data_is_none_and_its_id_stays() {
        let events = all("id: c7\n\nevent: status\n\ndata: x\n\n");
        assert_eq!(events, [(event("message", "x"), Some("c7".to_owned()))]);
    }

    #[test]
    fn every_line_end_counts_once() {
        for end in ["\n", "\r\n", "\r"] {
            let text = ["\u{feff}event: row", "data: 1", "data: 2", "", "data: 3", "", ""].join(end);
            assert_eq!(all(&text), [(event("row", "1\n2"), None), (event("message", "3"), None)], "{end:?}");
        }
    }

    #[test]
    fn half_an_event_is_not_given_out() {
        assert_eq!(all("event: row\ndata: {}\n"), []);
    }

    #[test]
    fn an_endless_line_ends_the_reading() {
        let mut parser = Parser::default();
        let chunk = vec![b'x'; 1 << 20];
        assert!((0..9).any(|_| parser.push(&chunk) == Err(TooLong)));
    }

    proptest! {
        #[test]
        fn pieces_read_like_the_whole(text in "(data: x|id: 1|event: e|:c|é|\r|\n|\r\n){0,40}", cut in 0..200usize) {
            let bytes = text.as_bytes();
            let cut = cut.min(bytes.len());
            let mut parser = Parser::default();
            let mut events = parser.push(&bytes[..cut]).unwrap();
            events.extend(parser.push(&bytes[cut..]).unwrap());
            prop_assert_eq!(events, all(&text));
        }

        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(Parser::default().push(&bytes).is_ok());
        }
    }
}
