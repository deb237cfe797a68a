//! Sessions: 70 % of the lines belong to one; a session has about 17 lines in one instance, in requests of about three lines.

use super::dice::Dice;

/// What a line prints of its session.
#[derive(Debug, Clone)]
pub(super) struct Session {
    pub(super) id: String,
    /// 32 hexadecimal digits, anew for each request.
    pub(super) request: String,
    /// A UUID, anew for each request.
    pub(super) unique: String,
    /// The end user's phone number.
    pub(super) account: String,
    lines_left: u64,
    lines_of_request_left: u64,
}

/// The sessions that are going on, at most [`AT_ONCE`] in each instance.
pub(super) struct Sessions {
    open: Vec<Vec<Session>>,
}

const AT_ONCE: usize = 4;

impl Sessions {
    pub(super) fn new(instances: usize) -> Self {
        Self { open: vec![Vec::new(); instances] }
    }

    /// The session of the next line of an instance; `None` for a line outside.
    pub(super) fn next(&mut self, dice: &mut Dice, instance: usize) -> Option<&Session> {
        if !dice.chance(70.0) {
            return None;
        }
        let open = &mut self.open[instance];
        let at = dice.index(AT_ONCE);
        if at >= open.len() {
            open.push(Session::new(dice));
        }
        let at = at.min(open.len() - 1);
        let session = &mut open[at];
        if session.lines_left == 0 {
            *session = Session::new(dice);
        }
        if session.lines_of_request_left == 0 {
            session.request = dice.hex(32);
            session.unique = dice.uuid();
            session.lines_of_request_left = dice.range(1, 5);
        }
        session.lines_left -= 1;
        session.lines_of_request_left -= 1;
        Some(session)
    }
}

impl Session {
    fn new(dice: &mut Dice) -> Self {
        Self {
            id: dice.hex(12),
            request: String::new(),
            unique: String::new(),
            account: format!("38067{}", dice.digits(7)),
            lines_left: dice.range(5, 30),
            lines_of_request_left: 0,
        }
    }
}
