//! `haoyuan token`: makes what the file of tokens of `haoyuan serve` is made of, and patients' tokens to try it with.
//!
//! INVARIANT (a secret goes one way): what is to be kept comes on standard output, ready to be appended to the file; the token
//! itself comes on standard error, once.

use crate::args;
use crate::failure::{Failure, print};
use crate::files;
use crate::lang::{Lang, say};
use crate::text;
use haoyuan::ids::PatientKey;
use haoyuan::instant::MINUTE;
use haoyuan::said;
use haoyuan::terms::Channel;
use haoyuan_serve::credentials::{StaffToken, hex, secret};
use haoyuan_serve::{Clock, Credentials};

/// Makes one.
pub(crate) fn run(command: &args::Token, lang: Lang) -> Result<(), Failure> {
    match command {
        args::Token::Staff { name, role, id, institution, channel, expires } => {
            let token = StaffToken::generate().map_err(|_| no_chance(lang))?;
            let hash = Some(hex(&token.hash()));
            let entry = entry(
                "token",
                &[
                    ("name", Some(name)),
                    ("hash", hash.as_ref()),
                    ("role", Some(role)),
                    ("id", id.as_ref()),
                    ("institution", institution.as_ref()),
                    ("channel", channel.as_ref()),
                    ("expires", expires.as_ref()),
                ],
            );
            check(&entry, lang)?;
            eprintln!("{}", say!(lang, "token.once", token = token.reveal()));
            print(&format!("{entry}\n"))
        }
        args::Token::Key { id, expires } => {
            let secret = secret().map_err(|_| no_chance(lang))?;
            let secret = Some(hex(&secret));
            let values = [("id", Some(id)), ("secret", secret.as_ref()), ("expires", expires.as_ref())];
            let entry = entry("patient_key", &values);
            check(&entry, lang)?;
            print(&format!("{entry}\n"))
        }
        args::Token::Patient { tokens, patient, channel, minutes } => {
            let file = tokens.display().to_string();
            let credentials = Credentials::parse(&file, &files::read(tokens, lang)?)
                .map_err(|error| Failure::told(&error, lang))?;
            let is_key = patient.len() == 32 && patient.bytes().all(|c| c.is_ascii_hexdigit());
            let key =
                is_key.then(|| u128::from_str_radix(patient, 16).ok()).flatten().and_then(PatientKey::new);
            let key = key.ok_or_else(|| Failure::input(say!(lang, "token.patient")))?;
            let channel =
                Channel::ALL.iter().copied().find(|known| known.text() == channel).ok_or_else(|| {
                    let known =
                        Channel::ALL.iter().map(|channel| channel.text()).collect::<Vec<_>>().join(", ");
                    Failure::input(say!(lang, "token.channel", channel = channel, known = known))
                })?;
            let now = Clock::default().now();
            let end = now.plus(i64::from(*minutes) * MINUTE);
            let token =
                credentials.signing_key(now).and_then(|name| credentials.sign(name, key, channel, end));
            let token = token.ok_or_else(|| Failure::input(say!(lang, "token.no_key", file = file)))?;
            eprintln!("{}", say!(lang, "token.until", time = text::date_time(end)));
            print(&format!("{token}\n"))
        }
    }
}

/// An entry of the file.
fn entry(table: &str, values: &[(&str, Option<&String>)]) -> String {
    let lines = values.iter().filter_map(|(key, value)| Some(format!("{key} = {:?}", value.as_ref()?)));
    format!("[[{table}]]\n{}\n", lines.collect::<Vec<_>>().join("\n"))
}

/// The entry is what the server will take.
fn check(entry: &str, lang: Lang) -> Result<(), Failure> {
    Credentials::parse("[[…]]", entry).map(|_| ()).map_err(|error| {
        Failure::input(say!(lang, "token.wrong", key = error.key, reason = lang.of(&error.reason)))
    })
}

fn no_chance(lang: Lang) -> Failure {
    Failure::told(&said!("the system has no randomness to give", "系统无法提供随机数"), lang)
}
