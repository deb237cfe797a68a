//! Stories: what happens between the modules of one CSP. Each is a function of a `Scene` that begins at a moment and
//! ends at most [`STORY_SECONDS_MAX`] later; a story whose modules a CSP does not run is told without them.

pub(super) mod background;
pub(super) mod calls;
pub(super) mod customers;
pub(super) mod messaging;
pub(super) mod provisioning;

use super::scene::Scene;

/// No story is longer, seconds: so much must be told again when the demo goes on from its data.
pub(super) const STORY_SECONDS_MAX: i64 = 240;

/// A story and how often it begins, relative to the others.
pub(super) struct Story {
    pub(super) weight: u32,
    pub(super) tell: fn(&mut Scene<'_>),
}

/// All of them.
pub(super) const STORIES: [Story; 13] = [
    Story { weight: 22, tell: messaging::notice },
    Story { weight: 13, tell: messaging::one_time_password },
    Story { weight: 24, tell: calls::call },
    Story { weight: 5, tell: calls::voicemail_login },
    Story { weight: 6, tell: provisioning::port_in },
    Story { weight: 6, tell: provisioning::esim },
    Story { weight: 8, tell: provisioning::roaming },
    Story { weight: 26, tell: customers::browse },
    Story { weight: 12, tell: customers::top_up },
    Story { weight: 8, tell: customers::crm_update },
    Story { weight: 9, tell: background::mediation },
    Story { weight: 36, tell: background::pulse },
    Story { weight: 6, tell: background::oddity },
];
