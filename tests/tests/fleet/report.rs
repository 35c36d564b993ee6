//! What was asked and what came of it, as tables for people and as data.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

use super::attacks::{ATTACKS, HONEST};
use super::setups::{EXAMPLES, SETUPS, Setup};
use super::{Fleet, Outcome, Question};

/// A request and what came of it.
#[derive(Clone)]
pub(crate) struct Row {
    pub(crate) question: Question,
    pub(crate) outcome: Outcome,
}

/// Prints three tables: every caller behind every proxy, every kind of forged lines behind every proxy,
/// and what the lines of the examples are for.
pub(crate) fn print(rows: &[Row], fleet: &Fleet) {
    let columns: Vec<&str> = EXAMPLES.iter().copied().filter(|name| fleet.has(name)).collect();
    print_callers(rows, &columns);
    print_attacks(rows, &columns);
    print_variants(rows);
    for (proxy, found) in fleet.installed() {
        println!("with {}: {}", proxy.name(), found.version);
    }
}

fn print_callers(rows: &[Row], columns: &[&str]) {
    println!("\nThe answer to a caller, and as whom:\n");
    let mut callers: BTreeMap<(&str, &str), BTreeMap<&str, String>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.is_of_an_example() && row.is_honest()) {
        let Question { setup, caller, path, .. } = row.question;
        let cell = format!("{}{}", row.status(), row.identity());
        callers.entry((caller.unwrap_or(" nobody"), path)).or_default().insert(setup.name, cell);
    }
    let lines = callers.into_iter().map(|((caller, path), cells)| (format!("{caller} {path}"), cells));
    print_matrix("caller", lines, columns);
}

fn print_attacks(rows: &[Row], columns: &[&str]) {
    println!(
        "\nThe answers to forged lines, of callers without a certificate, with another and with a denied one:\n"
    );
    let honest: BTreeMap<_, String> =
        rows.iter().filter(|row| row.is_honest()).map(|row| (row.key(), row.short())).collect();
    let mut lines: Vec<(String, BTreeMap<&str, String>)> = Vec::new();
    for attack in ATTACKS {
        let mut cells: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for row in rows.iter().filter(|row| row.is_of_an_example() && row.question.attack.name == attack.name)
        {
            let unchanged = honest.get(&row.key()) == Some(&row.short());
            let cell = if unchanged { "as without".into() } else { format!("{} by the proxy", row.status()) };
            let cells = cells.entry(row.question.setup.name).or_default();
            // Who does not get as far as the service changes nothing by what it writes.
            let counts = !unchanged || row.outcome.seen.is_some();
            if counts && !cells.contains(&cell) {
                cells.push(cell);
            }
        }
        lines.push((
            attack.name.into(),
            cells.into_iter().map(|(name, cells)| (name, cells.join(", "))).collect(),
        ));
    }
    print_matrix("forged", lines.into_iter(), columns);
}

fn print_variants(rows: &[Row]) {
    println!("\nThe examples with other lines, and past the first of two Envoys:\n");
    let head = ["set-up", "forged", "the service saw", "caller", "answer", "by the example itself"];
    let mut table = vec![head.map(str::to_owned).to_vec()];
    let all = rows;
    let mut rows: Vec<&Row> = rows.iter().filter(|row| !row.is_of_an_example()).collect();
    let at = |row: &Row| SETUPS.iter().position(|setup| setup.name == row.question.setup.name);
    rows.sort_by_key(|row| (at(row), row.question.attack.name, row.question.caller, row.question.path));
    for row in rows {
        let Question { setup, attack, caller, path, .. } = row.question;
        let forged = if row.is_honest() { "nothing" } else { attack.name };
        let caller = format!("{} {path}", caller.unwrap_or("nobody"));
        let example = (setup.name != setup.example()).then(|| Setup::named(setup.example()).ok()).flatten();
        let example = example.map(|setup| Question { setup, ..row.question });
        let example = all.iter().find(|other| Some(other.question) == example);
        let example = example.map(|row| format!("{}{}", row.short(), row.identity()));
        let answer = format!("{}{}", row.short(), row.identity());
        let example = example.unwrap_or_default();
        table.push(vec![setup.name.into(), forged.into(), row.saw(), caller, answer, example]);
    }
    print_table(&table);
}

fn print_matrix<'a>(
    head: &str,
    lines: impl Iterator<Item = (String, BTreeMap<&'a str, String>)>,
    columns: &[&str],
) {
    let mut table =
        vec![std::iter::once(head).chain(columns.iter().copied()).map(str::to_owned).collect::<Vec<_>>()];
    for (name, cells) in lines {
        let cell = |column: &&str| cells.get(column).cloned().unwrap_or_default();
        table.push(std::iter::once(name).chain(columns.iter().map(cell)).collect());
    }
    print_table(&table);
}

fn print_table(table: &[Vec<String>]) {
    let mut widths: Vec<usize> = Vec::new();
    for line in table {
        widths.resize(widths.len().max(line.len()), 0);
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    for line in table {
        let cells: String =
            line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}  ")).collect();
        println!("{}", cells.trim_end());
    }
}

impl Row {
    /// Whether the set-up is an example as it is, asked where callers ask.
    fn is_of_an_example(&self) -> bool {
        let Question { setup, port, .. } = self.question;
        EXAMPLES.contains(&setup.name) && port == super::proxy::EDGE_PORT
    }

    fn is_honest(&self) -> bool {
        self.question.attack.name == HONEST.name
    }

    fn key(&self) -> (&'static str, u16, Option<&'static str>, &'static str) {
        let Question { setup, port, caller, path, .. } = self.question;
        (setup.name, port, caller, path)
    }

    fn status(&self) -> String {
        self.outcome.status.map_or_else(|| "no TLS".into(), |status| status.to_string())
    }

    /// The last part of the caller's name.
    fn identity(&self) -> String {
        let seen = self.outcome.seen.as_ref();
        let identity = seen.and_then(|seen| seen.field("identity").as_str()?.rsplit('/').next());
        identity.map(|identity| format!(" {identity}")).unwrap_or_default()
    }

    fn short(&self) -> String {
        let status = self.status();
        let Some(seen) = &self.outcome.seen else { return status };
        let reason = seen.field("reason").as_str().unwrap_or_default();
        let detail = seen.field("detail").as_str().map(|detail| format!("/{detail}")).unwrap_or_default();
        format!("{status} {reason}{detail}")
    }

    /// Which headers about the caller got through, in a few words.
    fn saw(&self) -> String {
        let Some(seen) = &self.outcome.seen else { return "nothing".into() };
        let setup = self.question.setup;
        let word = |(name, value): &(String, String)| {
            let value = match value.as_str() {
                "" => "empty",
                "(null)" | "NONE" | "SUCCESS" | "GENEROUS" | "0" | "9" | "10" | "18" | "20" => value,
                _ if value.starts_with("FAILED:") => "FAILED:…",
                _ if value.contains("{http.") => "a placeholder",
                _ => "a value",
            };
            let alias = if setup.managed.contains(&name.as_str()) { "" } else { "alias " };
            let short = name.rsplit(['-', '_', '.']).next().unwrap_or_default();
            format!("{alias}{short} {value}")
        };
        let words: Vec<String> = seen.managed(setup).iter().map(word).collect();
        if words.is_empty() { "no header".into() } else { words.join(", ") }
    }
}

/// Writes what the services saw: fixtures are made of it.
pub(crate) fn write_captures(file: &Path, rows: &[Row], fleet: &Fleet) -> Result<()> {
    let captures: Vec<Value> = rows.iter().filter_map(|row| capture(row, fleet)).collect();
    Ok(std::fs::write(file, serde_json::to_string_pretty(&captures)?)?)
}

fn capture(row: &Row, fleet: &Fleet) -> Option<Value> {
    let Question { setup, attack, caller, path, .. } = row.question;
    let seen = row.outcome.seen.as_ref()?;
    Some(json!({
        "proxy": setup.proxy.name(),
        "version": fleet.installed().get(&setup.proxy)?.version,
        "config": setup.name,
        "caller": caller,
        "path": path,
        "attack": (!row.is_honest()).then_some(attack.name),
        "managed": seen.managed(setup),
        "headers": seen.headers,
        "decision": seen.decision,
        "status": row.outcome.status,
    }))
}
