//! Every fixture on every implementation, each as a test `implementation::file/case`.
//!
//! `PEERGATE_IMPLEMENTATIONS=core,filter` chooses implementations; `PEERGATE_FIXTURES=/dir` adds the
//! fixtures of a directory. What an implementation cannot be asked is counted by rule at the end.

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};
use peergate_conformance::suite::{Question, Slot, fixtures, slots};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let (slots, fixtures) = match (slots(), fixtures()) {
        (Ok(slots), Ok(fixtures)) => (slots, fixtures),
        (Err(error), _) | (_, Err(error)) => {
            eprintln!("conformance: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    let slots: Vec<Arc<Slot>> = slots.into_iter().map(Arc::new).collect();
    let mut trials = Vec::new();
    for (prefix, fixture) in fixtures {
        for case in fixture.cases {
            let name = format!("{prefix}{}", case.id);
            let case = Arc::new(case);
            for slot in &slots {
                let (slot, case) = (Arc::clone(slot), Arc::clone(&case));
                trials.push(Trial::test(format!("{}::{name}", slot.name()), move || {
                    slot.ask(&Question::Case(&case)).map_err(Failed::from)
                }));
            }
        }
        for case in fixture.refused {
            let name = format!("{prefix}{}", case.id);
            let case = Arc::new(case);
            for slot in &slots {
                let (slot, case) = (Arc::clone(slot), Arc::clone(&case));
                trials.push(Trial::test(format!("{}::{name}", slot.name()), move || {
                    slot.ask(&Question::Refused(&case)).map_err(Failed::from)
                }));
            }
        }
    }
    let list = arguments.list;
    let conclusion = libtest_mimic::run(&arguments, trials);
    if !list {
        println!("asked:");
        for slot in &slots {
            println!("{}", slot.report());
        }
    }
    conclusion.exit_code()
}
