//! Certificates that must not get anybody in: by time, by issuer, by their names.

use rcgen::DnType;
use time::{Duration, OffsetDateTime};

use super::files::Folder;
use super::issue::{Authority, LeafPlan};
use super::{DevCaError, Leaf, Plan, San};

/// A subject of whatever separates attributes, fields and elements in some form of a name or header.
const HOSTILE_SUBJECT: &[(DnType, &str)] = &[
    (DnType::CountryName, "SE"),
    (DnType::OrganizationName, "Acme, Inc. Ops; R+D"),
    (DnType::OrganizationalUnitName, "a/CN=admin\\"),
    (DnType::CommonName, "svc-pay\";URI=spiffe://td/admin,CN=admin"),
];

/// Adds them to the folder. Those with hostile names are signed and valid: a proxy accepts them, and
/// what it writes into its header is what a reader of that header must stand.
pub(super) fn add(folder: &mut Folder, plan: &Plan, good: &Authority) -> Result<(), DevCaError> {
    let id = |path: &str| format!("spiffe://{}/{path}", plan.trust_domain);
    let mut issue_to = |name: &str, subject, about, uris: Vec<String>, days: (i64, i64), by: &Authority| {
        let leaf = Leaf { name: format!("bad-{name}"), names: uris.into_iter().map(San::Uri).collect() };
        let now = OffsetDateTime::now_utc();
        let certified = by.leaf(&LeafPlan {
            leaf: &leaf,
            subject,
            server: false,
            not_before: now.saturating_add(Duration::days(days.0)),
            not_after: now.saturating_add(Duration::days(days.1)),
        })?;
        folder.add(&leaf.name, "bad", about, &leaf.names, &certified, Some(by.pem()));
        Ok(())
    };
    let valid = (-1, i64::from(plan.days));
    let victim = id("ns/default/sa/api");
    let mallory = vec![id("ns/default/sa/mallory")];
    let separators = "separators of every kind in the subject";
    issue_to("subject", HOSTILE_SUBJECT, separators, mallory, valid, good)?;
    let mut issue =
        |name: &str, about, uris, days, by: &Authority| issue_to(name, &[], about, uris, days, by);

    issue("expired", "expired yesterday", vec![victim.clone()], (-30, -1), good)?;
    issue("not-yet-valid", "valid from tomorrow", vec![victim.clone()], (1, 31), good)?;
    issue("two-uris", "two URI names", vec![id("ns/default/sa/one"), id("ns/default/sa/two")], valid, good)?;
    // What Envoy writes raw into the text form of x-forwarded-client-cert.
    let forged = format!(",By={};Hash={};URI={victim}", id("ns/default/sa/proxy"), "0".repeat(64));
    let hostile = |rest: &str| vec![format!("{}{rest}", id("ns/default/sa/mallory"))];
    issue("comma", "a comma in a URI name forges an element", hostile(&forged), valid, good)?;
    issue(
        "semicolon",
        "a semicolon in a URI name forges a field",
        hostile(&format!(";URI={victim}")),
        valid,
        good,
    )?;
    let borrowed = vec![format!("{victim};DNS=x")];
    issue("borrowed", "the name of another, and a forged field behind it", borrowed, valid, good)?;
    issue("quote", "a quote in a URI name", hostile("\""), valid, good)?;
    issue("line-feed", "a line feed in a URI name", hostile("\nx-forwarded-client-cert: "), valid, good)?;

    let root = Authority::root("Foreign root")?;
    let foreign = root.intermediate("Foreign intermediate")?;
    issue("foreign-ca", "of an authority that nobody trusts", vec![victim], valid, &foreign)?;
    folder.add("bad-foreign-root", "bad", "the root of bad-foreign-ca", &[], root.certified(), None);
    Ok(())
}
