//! The table against lists of segments that are compared one by one: every reading of a pattern with
//! every reading of a path, as the module's first lines put it.

use alloc::string::String;
use alloc::vec::Vec;

use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::policy::bits::contains;
use crate::target::TargetRules;

const LAX: TargetRules = TargetRules::Strict { allow_encoded_slash: true, allow_semicolon: true };

fn readings(width: Width) -> Vec<Reading> {
    let lax: &[Reading] = if width == Width::Wide { &Reading::LAX } else { &[] };
    [&[Reading::OPAQUE], lax].concat()
}

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Literal(Vec<u8>),
    Variable,
    Rest,
}

fn steps(pattern: &Pattern, reading: Reading, width: Width) -> Vec<Step> {
    let mut steps = Vec::new();
    for part in pattern.parts() {
        match part {
            Part::Rest => steps.push(Step::Rest),
            Part::Variable => steps.push(Step::Variable),
            Part::Literal(literal) => steps.extend(
                reading
                    .segments(literal)
                    .map(|segment| Step::Literal(normalised(segment, width).into_owned())),
            ),
        }
    }
    while width == Width::Wide && steps.last() == Some(&Step::Literal(Vec::new())) {
        steps.pop();
    }
    steps
}

fn is_met(steps: &[Step], segments: &[Vec<u8>], dropped: usize, width: Width) -> bool {
    let wide = width == Width::Wide;
    match (steps, segments) {
        ([], []) => true,
        ([Step::Rest], []) => wide,
        ([Step::Rest], _) => true,
        ([Step::Variable, steps @ ..], []) => {
            wide && dropped.checked_sub(1).is_some_and(|left| is_met(steps, &[], left, width))
        }
        ([Step::Variable, steps @ ..], [segment, rest @ ..]) => {
            (wide || !segment.is_empty()) && is_met(steps, rest, dropped, width)
        }
        ([Step::Literal(literal), steps @ ..], [segment, rest @ ..]) => {
            literal == segment && is_met(steps, rest, dropped, width)
        }
        _ => false,
    }
}

fn naive(pattern: &Pattern, path: &str, width: Width) -> bool {
    readings(width).into_iter().any(|reading| {
        let segments = path.split('/').skip(1).flat_map(|segment| reading.segments(segment.as_bytes()));
        let mut segments: Vec<_> = segments.map(|segment| normalised(segment, width).into_owned()).collect();
        let mut dropped = 0_usize;
        while width == Width::Wide && segments.last().is_some_and(Vec::is_empty) {
            segments.pop();
            dropped = dropped.saturating_add(1_usize);
        }
        let merged: Vec<_> = segments.iter().filter(|segment| !segment.is_empty()).cloned().collect();
        let lists = if width == Width::Wide { Vec::from([segments, merged]) } else { Vec::from([segments]) };
        readings(width).into_iter().any(|of_pattern| {
            let steps = steps(pattern, of_pattern, width);
            lists.iter().any(|segments| is_met(&steps, segments, dropped.max(1), width))
        })
    })
}

fn text(pieces: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::collection::vec(select(pieces), 0..9).prop_map(|pieces| ["/", &pieces.concat()].concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_table_matches_what_lists_match(
        patterns in prop::collection::vec(text(&["/", "a", "A", "b", "%2F", ";", "/{x}", "/*", "%61", "!"]), 1..4),
        path in text(&["/", "a", "/a", "A", "b", "/b", "%2F", "%2f/", ";", "%61", "%21"]),
    ) {
        let patterns: Vec<_> = patterns.iter().filter_map(|text| Pattern::parse(text, &LAX).ok()).collect();
        for width in [Width::Narrow, Width::Wide] {
            let mut table = PathTable::new(width);
            for (pattern, rule) in patterns.iter().zip(0..) {
                table.insert(pattern, rule);
            }
            let mut bits = [0];
            table.look_up(path.as_bytes(), &mut bits);
            for (pattern, rule) in patterns.iter().zip(0..) {
                let expected = naive(pattern, &path, width);
                prop_assert_eq!(contains(&bits, rule), expected, "{} {} {:?}", pattern.as_str(), path, width);
            }
        }
    }
}
