//! The refusals in TypeScript are the one table in the code.

use haoyuan_core::refusal::{Code, Refusal, Retry};
use std::fmt::Write;
use std::path::{Path, PathBuf};

const HEAD: &str = "// Written by `HAOYUAN_BLESS=1 cargo test -p haoyuan-wasm --test refusals` from the table in the code.\n";

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("js").join(name)
}

fn retry(code: Code) -> &'static str {
    match Refusal::plain(code).retry {
        Retry::Never => "never",
        Retry::Now => "now",
        Retry::From(_) | Retry::WhenReturned => "later",
    }
}

fn values() -> String {
    let mut text = format!("{HEAD}\nexport const REFUSALS = Object.freeze({{\n");
    for code in Code::ALL {
        writeln!(
            text,
            "  {code}: Object.freeze({{ number: {}, retry: \"{}\", en: {:?}, zh: {:?} }}),",
            code.number(),
            retry(*code),
            code.en(),
            code.zh()
        )
        .expect("a string takes everything");
    }
    text.push_str(
        "});\n\nexport function refusalText(code, lang = \"zh\") {\n  const refusal = REFUSALS[code];\n  \
         return refusal ? (lang.startsWith(\"zh\") ? refusal.zh : refusal.en) : code;\n}\n",
    );
    text
}

fn types() -> String {
    let mut text = format!(
        "{HEAD}\n/** Why a request was refused, in order of precedence. A code never changes its meaning. */\n"
    );
    text.push_str("export type RefusalCode =\n");
    for code in Code::ALL {
        writeln!(text, "  /** {} {} */\n  | \"{code}\"", code.en(), code.zh())
            .expect("a string takes everything");
    }
    text.pop();
    text.push_str(
        ";\n\n/** A line of the table of refusals. */\nexport interface RefusalEntry {\n  /** As in C and the journal. */\n  \
         readonly number: number;\n  /** Whether the same request can help: `never`; `now`, at once; `later`. */\n  \
         readonly retry: \"never\" | \"now\" | \"later\";\n  /** What to tell the patient, in English. */\n  \
         readonly en: string;\n  /** The same in Chinese. */\n  readonly zh: string;\n}\n\n\
         /** The table of refusals, in order of precedence. */\n\
         export const REFUSALS: { readonly [code in RefusalCode]: RefusalEntry };\n\n\
         /** What to tell the patient about a code; Chinese unless `lang` says otherwise. The code itself if it is unknown. */\n\
         export function refusalText(code: RefusalCode | (string & {}), lang?: string): string;\n",
    );
    text
}

#[test]
fn the_refusals_of_the_package_are_the_table_of_codes() {
    for (name, text) in [("refusals.js", values()), ("refusals.d.ts", types())] {
        if std::env::var_os("HAOYUAN_BLESS").is_some() {
            std::fs::write(file(name), &text).expect("the file can be written");
        }
        let stands = std::fs::read_to_string(file(name)).unwrap_or_default();
        assert!(stands == text, "`js/{name}` is not the table: write it anew with HAOYUAN_BLESS=1");
    }
}
