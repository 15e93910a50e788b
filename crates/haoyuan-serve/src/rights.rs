//! Who may give which command: decided here once, before anything is carried out.
//!
//! INVARIANT (a patient acts for one person): a patient's token is enough for `hold`, `confirm`, `cancel`, the waitlist and
//! `bookings` of the person whose token it is, through the channel that it names, and for nothing else.
//!
//! INVARIANT (who acts is known): role and identity of the actor in the trace are those of the token; a request may add a
//! reason and a contact person, and cannot make itself somebody else.

use crate::credentials::{Caller, Duty, Staff};
use crate::problem::{Kind, Problem};
use axum::http::header;
use haoyuan::actor::Actor;
use haoyuan::command::Command;
use haoyuan::ids::PatientKey;
use haoyuan::said;
use haoyuan::terms::{Channel, Class};

/// What a command needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Nothing: it is public, and says nothing about anybody.
    Nothing,
    /// To be this person, or one of these.
    Person(PatientKey, &'static [Duty]),
    /// To be one of these.
    OneOf(&'static [Duty]),
}

use Duty::{Admin, Clerk, Doctor, FamilyDoctor, Operator, Partner, Referrer, Viewer};

/// Who books for patients.
const BOOKS: &[Duty] = &[Clerk, Doctor, FamilyDoctor, Referrer, Partner, Operator, Admin];
/// Who sees a patient's bookings.
const SEES: &[Duty] = &[Viewer, Clerk, Doctor, FamilyDoctor, Referrer, Partner, Operator, Admin];
/// Who sees lists of patients' keys, and checks.
pub(crate) const LOOKS: &[Duty] = &[Viewer, Clerk, Doctor, Operator, Admin];
/// Who works where patients wait.
const CALLS: &[Duty] = &[Clerk, Doctor, Operator, Admin];
/// Who registers proofs of privilege.
const PROVES: &[Duty] = &[Doctor, FamilyDoctor, Referrer, Operator, Admin];
/// Who adds a seat for one patient.
const ADDS: &[Duty] = &[Doctor, Operator, Admin];
/// Who runs the hospital's day.
const RUNS: &[Duty] = &[Operator, Admin];
/// Who sets up.
const SETS_UP: &[Duty] = &[Admin];

impl Need {
    pub(crate) const fn of(command: &Command) -> Self {
        match command {
            Command::Availability(_)
            | Command::Search(_)
            | Command::Load(_)
            | Command::Schedule(_)
            | Command::Feed(_)
            | Command::Session(_) => Self::Nothing,
            Command::Hold(wish) => Self::Person(wish.patient, BOOKS),
            Command::Confirm(settle) | Command::Cancel(settle) => Self::Person(settle.patient, BOOKS),
            Command::WaitlistJoin(join) => Self::Person(join.patient, BOOKS),
            Command::WaitlistLeave(entry) | Command::WaitlistDecline(entry) => {
                Self::Person(entry.patient, BOOKS)
            }
            Command::Bookings(ask) => Self::Person(ask.patient, SEES),
            // Without a hold there is no time to pay: that is for those who take the money.
            Command::Book(_) => Self::OneOf(BOOKS),
            Command::Waitlist(_) | Command::Notices(_) | Command::Audit(_) | Command::StateHash(_) => {
                Self::OneOf(LOOKS)
            }
            Command::CheckIn(_)
            | Command::CallNext(_)
            | Command::Pass(_)
            | Command::Enter(_)
            | Command::Finish(_) => Self::OneOf(CALLS),
            Command::Ticket(_) => Self::OneOf(PROVES),
            Command::ExtraSeat(_) => Self::OneOf(ADDS),
            Command::Stop(_)
            | Command::Resume(_)
            | Command::Rebook(_)
            | Command::Move(_)
            | Command::Substitute(_)
            | Command::AddSeats(_)
            | Command::ReduceSeats(_)
            | Command::NoShow(_)
            | Command::Correct(_)
            | Command::MergeIdentities(_)
            | Command::Retire(_)
            | Command::Publish(_)
            | Command::Roster(_) => Self::OneOf(RUNS),
            Command::Open(_) | Command::Directory(_) | Command::Policy(_) | Command::Tick(_) => {
                Self::OneOf(SETS_UP)
            }
        }
    }
}

/// In whose name the command is carried out, or why it is not.
pub(crate) fn permit(caller: &Caller, command: &Command, asked: Option<Actor>) -> Result<Actor, Problem> {
    let need = Need::of(command);
    match (caller, need) {
        (Caller::Anyone, Need::Nothing) => as_patient(asked),
        (Caller::Anyone, Need::Person(..) | Need::OneOf(_)) => Err(unauthenticated()),
        (Caller::Patient { patient, channel }, Need::Nothing | Need::Person(..)) => {
            if matches!(need, Need::Person(whose, _) if whose != *patient) {
                return Err(forbidden(said!("this token is another person's", "该令牌属于另一人")));
            }
            if let Some((class, through)) = claimed(command) {
                check_claim(class, through, *channel)?;
            }
            as_patient(asked)
        }
        (Caller::Patient { .. }, Need::OneOf(_)) => {
            Err(forbidden(said!("a patient cannot give this command", "患者不能执行此命令")))
        }
        (Caller::Staff(staff), need) => {
            let allowed = match need {
                Need::Nothing => true,
                Need::Person(_, duties) | Need::OneOf(duties) => duties.contains(&staff.duty),
            };
            if !allowed {
                return Err(forbidden(said!(
                    "a token of the role `{role}` cannot give the command `{command}`",
                    "角色为 `{role}` 的令牌不能执行命令 `{command}`",
                    role = staff.duty.text(),
                    command = command.word()
                )));
            }
            check_bounds(staff, command)?;
            as_staff(staff, asked)
        }
    }
}

/// What a claim says of itself, for commands that ask for a seat.
const fn claimed(command: &Command) -> Option<(Class, Channel)> {
    match command {
        Command::Hold(wish) | Command::Book(wish) => Some((wish.class, wish.channel)),
        Command::WaitlistJoin(join) => Some((join.class, join.channel)),
        Command::ExtraSeat(extra) => Some((extra.class, extra.channel)),
        _ => None,
    }
}

/// A patient asks as what the token says. A class that needs a ticket the engine checks; that somebody stands in the hospital
/// is what a channel in the hospital says.
fn check_claim(class: Class, through: Channel, channel: Channel) -> Result<(), Problem> {
    if through != channel {
        return Err(forbidden(said!(
            "this token is for the channel `{channel}`",
            "该令牌仅限渠道 `{channel}`",
            channel = channel.text()
        )));
    }
    if class == Class::OnSite && channel.is_online() {
        return Err(forbidden(said!("on-site seats are given out at the hospital", "现场号仅限在医院领取")));
    }
    Ok(())
}

/// What a token of staff is narrowed to.
fn check_bounds(staff: &Staff, command: &Command) -> Result<(), Problem> {
    if let (Some(channel), Some((_, through))) = (staff.channel, claimed(command)) {
        if through != channel {
            return Err(forbidden(said!(
                "this token is for the channel `{channel}`",
                "该令牌仅限渠道 `{channel}`",
                channel = channel.text()
            )));
        }
    }
    if let (Some(institution), Command::Ticket(ticket)) = (&staff.institution, command) {
        if ticket.issuer.as_ref() != Some(institution) {
            return Err(forbidden(said!(
                "this token registers what `{institution}` issues: say so in `issuer`",
                "该令牌仅可登记 `{institution}` 签发的凭证:请在 `issuer` 中写明",
                institution
            )));
        }
    }
    Ok(())
}

fn as_patient(asked: Option<Actor>) -> Result<Actor, Problem> {
    match asked {
        Some(actor) if !actor.is_patient() => Err(forbidden(said!(
            "only staff have an `actor`, and theirs is in the token",
            "仅工作人员有 `actor`,且由令牌决定"
        ))),
        _ => Ok(Actor::default()),
    }
}

fn as_staff(staff: &Staff, asked: Option<Actor>) -> Result<Actor, Problem> {
    let actor = staff.actor();
    let Some(asked) = asked else { return Ok(actor) };
    if asked.role != actor.role || asked.id.is_some_and(|id| Some(id) != actor.id) {
        return Err(forbidden(said!(
            "role and person of the `actor` are those of the token: `{role}`; give a reason and a contact alone",
            "`actor` 的角色与人员由令牌决定:`{role}`;只可写明原因与联系人",
            role = actor.role.text()
        )));
    }
    Ok(Actor { contact: asked.contact, reason: asked.reason, ..actor })
}

/// Nobody has said who asks.
pub(crate) fn unauthenticated() -> Problem {
    let detail = said!("show a token: `Authorization: Bearer …`", "请出示令牌:`Authorization: Bearer …`");
    Problem::new(Kind::Unauthenticated, detail).with(header::WWW_AUTHENTICATE, "Bearer realm=\"haoyuan\"")
}

fn forbidden(detail: haoyuan::said::Said) -> Problem {
    Problem::new(Kind::Forbidden, detail)
}

/// That the caller is one of these.
pub(crate) fn one_of(caller: &Caller, duties: &[Duty]) -> Result<(), Problem> {
    match caller {
        Caller::Staff(staff) if duties.contains(&staff.duty) => Ok(()),
        Caller::Anyone => Err(unauthenticated()),
        Caller::Staff(_) | Caller::Patient { .. } => {
            Err(forbidden(said!("this is not for this token", "该令牌无权访问")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use haoyuan::actor::{ActorId, Role};
    use haoyuan::instant::Instant;
    use std::sync::Arc;

    const ME: &str = "5f0c6f0f6c1d4b7e9a3d2e1f00112233";
    const OTHER: &str = "6f0c6f0f6c1d4b7e9a3d2e1f00112233";

    fn patient() -> Caller {
        let patient = PatientKey::new(u128::from_str_radix(ME, 16).unwrap()).unwrap();
        Caller::Patient { patient, channel: Channel::Web }
    }

    fn staff(duty: Duty) -> Caller {
        Caller::Staff(Arc::new(Staff {
            name: "t".to_owned(),
            duty,
            id: ActorId::new(7),
            institution: None,
            channel: None,
            expires: None,
        }))
    }

    fn command(line: &str) -> (Command, Option<Actor>) {
        let line = line.replace("ME", ME).replace("OTHER", OTHER);
        Command::parse_at(&line, Instant::new(1_772_492_400_000).unwrap())
            .unwrap_or_else(|e| panic!("{line}: {e}"))
    }

    #[track_caller]
    fn check(caller: &Caller, line: &str, allowed: bool) {
        let (command, actor) = command(line);
        assert_eq!(permit(caller, &command, actor).is_ok(), allowed, "{line}");
    }

    const HOLD: &str =
        r#"{"command":"hold","patient":"ME","session":"A","slot":0,"class":"public","channel":"web"}"#;
    const STATE_HASH: &str = r#"{"command":"state_hash"}"#;
    const STOP: &str = r#"{"command":"stop","scope":{"session":"A"}}"#;
    const POLICY: &str = r#"{"command":"policy","preset":"default"}"#;
    const LOAD: &str = r#"{"command":"load","day":"2026-03-10"}"#;

    #[test]
    fn a_patient_acts_for_one_person_through_one_channel() {
        let me = patient();
        check(&me, HOLD, true);
        check(&me, &HOLD.replace("ME", "OTHER"), false);
        check(&me, &HOLD.replace("\"web\"", "\"app\""), false);
        check(&me, &HOLD.replace("\"hold\"", "\"book\""), false);
        check(&me, &HOLD.replace("\"public\"", "\"on_site\""), false);
        check(&me, &HOLD.replace("\"public\"", "\"contract\""), true);
        for word in ["confirm", "cancel"] {
            let line = format!(r#"{{"command":"{word}","patient":"ME","booking":"0000000000000001"}}"#);
            check(&me, &line, true);
            check(&me, &line.replace("ME", "OTHER"), false);
        }
        let join = r#"{"command":"waitlist_join","patient":"ME","class":"public","channel":"web","wanted":[{"session":"A"}]}"#;
        check(&me, join, true);
        check(&me, &join.replace("ME", "OTHER"), false);
        check(&me, &join.replace("\"web\"", "\"window\""), false);
        for word in ["waitlist_leave", "waitlist_decline"] {
            check(&me, &format!(r#"{{"command":"{word}","patient":"ME","entry":1}}"#), true);
            check(&me, &format!(r#"{{"command":"{word}","patient":"OTHER","entry":1}}"#), false);
        }
        check(&me, r#"{"command":"bookings","patient":"ME"}"#, true);
        check(&me, r#"{"command":"bookings","patient":"OTHER"}"#, false);
        check(&me, LOAD, true);
        for line in
            [STATE_HASH, STOP, POLICY, r#"{"command":"waitlist","session":"A"}"#, r#"{"command":"notices"}"#]
        {
            check(&me, line, false);
        }
    }

    #[test]
    fn without_a_token_one_may_look_at_what_is_public() {
        check(&Caller::Anyone, LOAD, true);
        for line in [HOLD, STATE_HASH, STOP, POLICY, r#"{"command":"bookings","patient":"ME"}"#] {
            check(&Caller::Anyone, line, false);
        }
    }

    #[test]
    fn each_duty_has_its_commands() {
        let rows: [(&str, &[Duty]); 6] = [
            (HOLD, BOOKS),
            (STATE_HASH, LOOKS),
            (STOP, RUNS),
            (POLICY, SETS_UP),
            (r#"{"command":"call_next","session":"A","room":1}"#, CALLS),
            (LOAD, Duty::ALL),
        ];
        for (line, duties) in rows {
            for duty in Duty::ALL {
                check(&staff(*duty), line, duties.contains(duty));
            }
        }
    }

    #[test]
    fn nobody_makes_himself_somebody_else() {
        let clerk = staff(Clerk);
        let with = |actor: &str| HOLD.replace(r#""command""#, &format!(r#""actor":{actor},"command""#));
        let (command, actor) = command(&with(r#"{"role":"clerk","reason":3,"contact":"00000000000000b2"}"#));
        let permitted = permit(&clerk, &command, actor).unwrap();
        assert_eq!((permitted.role, permitted.id), (Role::Clerk, ActorId::new(7)));
        assert_eq!(permitted.reason.map(std::num::NonZeroU16::get), Some(3));
        assert_eq!(permitted.contact, ActorId::new(0xb2));
        check(&clerk, &with(r#"{"role":"doctor","id":"0000000000000007"}"#), false);
        check(&clerk, &with(r#"{"role":"clerk","id":"0000000000000008"}"#), false);
        check(&patient(), &with(r#"{"role":"clerk","id":"0000000000000007"}"#), false);
        check(&patient(), &with(r#"{"role":"patient"}"#), true);
        check(
            &Caller::Anyone,
            &LOAD.replace(r#""command""#, r#""actor":{"role":"operator"},"command""#),
            false,
        );
    }

    #[test]
    fn a_referrer_registers_what_its_institution_issues() {
        let Caller::Staff(plain) = staff(Referrer) else { panic!() };
        let bound = Staff {
            institution: Some("P1".to_owned()),
            channel: Some(Channel::Station),
            ..Staff::clone(&plain)
        };
        let bound = Caller::Staff(Arc::new(bound));
        let ticket = r#"{"command":"ticket","patient":"ME","ticket":"1","class":"referral_primary","institution":"H1","issuer":"P1","expires":"2026-04-01T00:00:00+08:00"}"#;
        check(&bound, ticket, true);
        check(&bound, &ticket.replace("P1", "P2"), false);
        check(&bound, &ticket.replace(r#","issuer":"P1""#, ""), false);
        check(&bound, &HOLD.replace("web", "station"), true);
        check(&bound, HOLD, false);
    }
}
