//! The normalised certificate: what every host says of a caller's certificate, in one spelling.

use alloc::string::{String, ToString};

use crate::credential::{AltNames, Credential};
use crate::decision::hex;
use crate::print::{json_key, json_string, json_text, rfc3339, serial_number};

/// The normalised certificate as JSON: `subjectDn`, `subjectCn`, `issuerDn`, `issuerCn`,
/// `serialNumber`, `fingerprint256`, `subjectAltNames`, `notBefore`, `notAfter`, and what the host
/// knows beside: `verified` and `pem`. What is not known is absent; a common name is known if it is
/// the only one. Header fields that name nobody leave it open whether the certificate has names.
#[must_use]
pub fn to_json(credential: &Credential<'_>, verified: Option<bool>, pem: Option<&str>) -> String {
    let mut out = String::with_capacity(1024);
    out.push('{');
    let names =
        [("subjectDn", "subjectCn", &credential.subject), ("issuerDn", "issuerCn", &credential.issuer)];
    for (whole, common, name) in names {
        if let Some(name) = name {
            json_text(&mut out, whole, name.as_str());
            if let Some(name) = name.common_name() {
                json_text(&mut out, common, &name);
            }
        }
    }
    if let Some(serial) = credential.serial {
        json_text(&mut out, "serialNumber", &serial_number(serial));
    }
    if let Some(sha256) = &credential.sha256 {
        json_key(&mut out, "fingerprint256");
        out.push('"');
        out.push_str(&hex(sha256.bytes()).to_ascii_uppercase());
        out.push('"');
    }
    alt_names(&mut out, &credential.names);
    if let Some((first, last)) = credential.window {
        json_text(&mut out, "notBefore", &rfc3339(first));
        json_text(&mut out, "notAfter", &rfc3339(last));
    }
    if let Some(verified) = verified {
        json_key(&mut out, "verified");
        out.push_str(if verified { "true" } else { "false" });
    }
    if let Some(pem) = pem {
        json_text(&mut out, "pem", pem);
    }
    out.push('}');
    out
}

fn alt_names(out: &mut String, names: &AltNames<'_>) {
    let start = out.len();
    json_key(out, "subjectAltNames");
    out.push('[');
    let mut is_known = matches!(names, AltNames::Whole(_));
    let mut add = |name: &str| {
        if !out.ends_with('[') {
            out.push(',');
        }
        json_string(out, name);
    };
    if is_known {
        names.whole().iter().for_each(|name| add(&name.to_string()));
    } else {
        // Envoy writes an empty `URI=` where there is none.
        for uri in names.uris().filter(|uri| !uri.is_empty()) {
            is_known = true;
            add(&["URI:", &uri].concat());
        }
        for name in names.dns().filter(|name| !name.is_empty()) {
            is_known = true;
            add(&["DNS:", &name].concat());
        }
    }
    out.push(']');
    if !is_known {
        out.truncate(start);
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::dn::NameText;
    use crate::xfcc::Key;
    use crate::xfcc::text::{Elements, Values};

    const NOTHING: Credential<'static> = Credential {
        sha256: None,
        verified: true,
        window: None,
        is_ca: false,
        subject: None,
        issuer: None,
        serial: None,
        names: AltNames::Lists { uri: Vec::new(), dns: Vec::new() },
        extensions: &[],
    };

    fn subject(text: &str) -> String {
        let subject = NameText::parse(text.as_bytes()).unwrap();
        to_json(&Credential { subject: Some(subject), ..NOTHING }, None, None)
    }

    #[test]
    fn what_is_not_known_is_absent() {
        assert_eq!(to_json(&NOTHING, None, None), "{}");
        assert_eq!(to_json(&NOTHING, Some(false), Some("a\n")), r#"{"verified":false,"pem":"a\n"}"#);
        let whole = Credential { names: AltNames::NONE, ..NOTHING };
        assert_eq!(to_json(&whole, None, None), r#"{"subjectAltNames":[]}"#);
    }

    #[test]
    fn only_the_only_common_name_counts() {
        assert_eq!(subject(""), r#"{"subjectDn":""}"#);
        assert_eq!(subject("CN=a\\,b,O=c"), r#"{"subjectDn":"CN=a\\,b,O=c","subjectCn":"a,b"}"#);
        assert_eq!(subject("CN=a,CN=b"), r#"{"subjectDn":"CN=a,CN=b"}"#);
        assert_eq!(subject("CN=a+CN=b"), r#"{"subjectDn":"CN=a+CN=b"}"#);
        assert_eq!(subject("CN=#0500"), r##"{"subjectDn":"CN=#0500"}"##);
        assert_eq!(subject("O=CN=a"), r#"{"subjectDn":"O=CN=a"}"#);
    }

    #[test]
    fn the_names_of_an_element_are_those_that_the_source_is_said_to_carry() {
        let text = "Hash=a;Subject=\"\";URI=spiffe://td/a;URI=;DNS=a.example;DNS=\"b\\\"\"";
        let element = Elements::new(text.as_bytes()).next().unwrap().unwrap();
        let values = |carried, key| if carried { element.values(key) } else { Values::NONE };
        let json = |uri, dns| {
            let names = AltNames::Xfcc { uri: values(uri, Key::Uri), dns: values(dns, Key::Dns) };
            to_json(&Credential { names, ..NOTHING }, None, None)
        };
        assert_eq!(json(false, false), "{}");
        assert_eq!(json(true, false), r#"{"subjectAltNames":["URI:spiffe://td/a"]}"#);
        assert_eq!(
            json(true, true),
            r#"{"subjectAltNames":["URI:spiffe://td/a","DNS:a.example","DNS:b\""]}"#
        );
    }

    #[test]
    fn fingerprint_serial_number_and_times_have_one_spelling() {
        let credential = Credential {
            sha256: Some([0xAB; 32].into()),
            serial: Some(&[1, 0xFF]),
            window: Some((-1, 253_402_300_799)),
            ..NOTHING
        };
        let json = to_json(&credential, Some(true), None);
        assert_eq!(
            json,
            alloc::format!(
                r#"{{"serialNumber":"0x01ff","fingerprint256":"{}","notBefore":"1969-12-31T23:59:59Z","notAfter":"9999-12-31T23:59:59Z","verified":true}}"#,
                "AB".repeat(32)
            )
        );
    }
}
