//! What is read from a certificate, field by field.

use peergate_core::dn::NameText;
use peergate_core::pem;
use peergate_core::x509::{AltName, Certificate, Name};
use proptest::prelude::*;
use rcgen::{DnType, SerialNumber};

use super::made::{self, ALT_NAMES, AUTHORITY, LEAF, TEXT, change, extension, part};
use super::tree::Node;

fn read(tree: &Node) -> Certificate {
    Certificate::from_der(&tree.write()).unwrap()
}

#[test]
fn all_fields_of_a_leaf() {
    let leaf = Certificate::from_der(&LEAF).unwrap();
    assert_eq!(leaf.subject.as_str(), r"CN=leaf,O=Acme\, Inc.");
    assert_eq!(leaf.issuer.as_str(), "CN=test authority,C=SE");
    assert_eq!(leaf.subject.common_name().as_deref(), Some("leaf"));
    assert_eq!(*leaf.serial, [0x8A, 0x01, 0x02]);
    assert_eq!(leaf.not_before, rcgen::date_time_ymd(2026, 1, 2).unix_timestamp());
    assert_eq!(leaf.not_after, rcgen::date_time_ymd(2055, 12, 31).unix_timestamp());
    assert_eq!(
        leaf.alt_names,
        [
            AltName::Uri("spiffe://td.test/a".into()),
            AltName::Dns("a.td.test".into()),
            AltName::Ip([127, 0, 0, 1].into()),
            AltName::Email("a@td.test".into()),
            AltName::Ip("2001:db8::1".parse().unwrap()),
        ]
    );
    assert_eq!(leaf.other_alt_names, 0);
    assert!(!leaf.is_ca);
    let usages: Vec<_> = leaf.extended_key_usages.iter().map(AsRef::as_ref).collect();
    assert_eq!(usages, ["1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.1"]);
    let text = leaf.extensions.iter().find(|ext| *ext.oid == *"1.3.6.1.4.1.99999.2").unwrap();
    assert_eq!((text.text.as_deref(), text.critical), (Some("east"), false));
    assert!(leaf.extensions.iter().all(|ext| ext.text.is_none() || ext == text));
    assert_eq!(leaf.extensions.len(), Node::read(&LEAF).at(part::EXTENSIONS).nodes().len());
}

#[test]
fn an_authority_is_one() {
    let authority = Certificate::from_der(&AUTHORITY).unwrap();
    assert!(authority.is_ca);
    assert!(authority.extensions.iter().any(|ext| *ext.oid == *"2.5.29.19" && ext.critical));
    assert!(authority.alt_names.is_empty());
}

/// A certificate with one attribute as its subject.
fn subject(oid: &[u8], value: Node) -> Name {
    let mut tree = Node::read(&LEAF);
    let attribute = Node::List(0x30, vec![Node::Value(6, oid.to_vec()), value]);
    *tree.at(part::SUBJECT) = Node::List(0x30, vec![Node::List(0x31, vec![attribute])]);
    read(&tree).subject
}

fn canonical(name: NameText<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    name.write_canonical(&mut out);
    out
}

const COMMON_NAME: &[u8] = &[0x55, 4, 3];

#[test]
fn each_string_type_is_text() {
    for (tag, content, text, decoded) in [
        (12, "a=é".as_bytes(), r"CN=a=\C3\A9", "a=é"),
        (12, b"a\0b\x7F", r"CN=a\00b\7F", "a\0b\x7F"),
        (12, b"", "CN=", ""),
        (12, b" ", r"CN=\ ", " "),
        (12, b"  a  ", r"CN=\  a \ ", "  a  "),
        (12, b"##", r"CN=\##", "##"),
        (12, br#"",+"\<>;""#, r#"CN=\"\,\+\"\\\<\>\;\""#, r#"",+"\<>;""#),
        (18, b"12 3", "CN=12 3", "12 3"),
        (19, b"*.a@b", "CN=*.a@b", "*.a@b"),
        (20, b"Zo\xEB", r"CN=Zo\C3\AB", "Zoë"),
        (22, b"a@b", "CN=a@b", "a@b"),
        (26, b"a b", "CN=a b", "a b"),
        (28, &[0, 0, 0, b'a', 0, 1, 0xF6, 0], r"CN=a\F0\9F\98\80", "a😀"),
        (30, &[0, b'a', 0x54, 0x0D], r"CN=a\E5\90\8D", "a名"),
    ] {
        let name = subject(COMMON_NAME, Node::Value(tag, content.to_vec()));
        assert_eq!(name.as_str(), text);
        assert_eq!(name.common_name().as_deref(), Some(decoded), "{text}");
        assert_eq!(canonical(name.as_text()), canonical(NameText::parse(text.as_bytes()).unwrap()));
    }
}

#[test]
fn other_values_and_unknown_types_are_hexadecimal() {
    let name = subject(COMMON_NAME, Node::List(0x30, vec![Node::Value(5, vec![])]));
    assert_eq!(name.as_str(), "CN=#30020500");
    assert_eq!(name.common_name(), None);
    let name = subject(&[0x2A, 3, 4], Node::Value(12, b"ab".to_vec()));
    assert_eq!(name.as_str(), "1.2.3.4=#0C026162");
    let attributes: Vec<_> = name.as_text().attributes().collect();
    assert!(attributes[0].is_text && attributes[0].value == "ab");
    for length in [0x7F, 0x80, 0xFF, 0x100] {
        let name = subject(&[0x2A, 3, 4], Node::Value(12, vec![b'a'; length]));
        assert_eq!(name.as_text().attributes().next().unwrap().value, "a".repeat(length));
    }
    // An arc of 128 bits, as UUIDs make them, and a first arc of 2.
    let oid = [&[0x69, 0x83][..], &[0xFF; 17], &[0x7F]].concat();
    let name = subject(&oid, Node::Value(12, vec![]));
    assert_eq!(name.as_str(), format!("2.25.{}=#0C00", u128::MAX));
}

#[test]
fn types_are_spelled_as_proxies_spell_them() {
    for (oid, keyword) in [
        (&[0x55, 4, 11][..], "OU"),
        (&[0x55, 4, 8], "ST"),
        (&[0x55, 4, 5], "serialNumber"),
        (&[0x55, 4, 4], "SN"),
        (&[0x55, 4, 9], "street"),
        (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xF2, 0x2C, 0x64, 1, 25], "DC"),
        (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xF2, 0x2C, 0x64, 1, 1], "UID"),
        (&[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 9, 1], "emailAddress"),
    ] {
        assert_eq!(subject(oid, Node::Value(19, b"a".to_vec())).as_str(), format!("{keyword}=a"));
    }
}

#[test]
fn attributes_of_one_rdn_stay_together() {
    let attribute = |last: u8, value: &[u8]| {
        Node::List(0x30, vec![Node::Value(6, vec![0x55, 4, last]), Node::Value(12, value.to_vec())])
    };
    let mut tree = Node::read(&LEAF);
    *tree.at(part::SUBJECT) = Node::List(
        0x30,
        vec![
            Node::List(0x31, vec![attribute(6, b"SE")]),
            Node::List(0x31, vec![attribute(3, b"a"), attribute(3, b"b"), attribute(10, b"c")]),
            Node::List(0x31, vec![attribute(11, b"d")]),
        ],
    );
    let name = read(&tree).subject;
    assert_eq!(name.as_str(), "OU=d,O=c+CN=b+CN=a,C=SE");
    assert_eq!(name.common_name(), None, "there are two");
    let other_order = NameText::parse(b"ou=d,cn=a+o=c+cn=b,c=SE").unwrap();
    assert_eq!(canonical(name.as_text()), canonical(other_order));
}

#[test]
fn an_empty_subject_is_the_empty_name() {
    let certificate = Certificate::from_der(&made::signed(&made::params(&[]))).unwrap();
    assert_eq!(certificate.subject.as_str(), "");
    assert!(certificate.subject.as_text().is_empty());
    let json: serde_json::Value = serde_json::from_str(&certificate.to_json(None, None)).unwrap();
    assert_eq!(json["subjectDn"], "");
    assert!(json.get("subjectCn").is_none());
}

#[test]
fn names_of_other_kinds_are_counted() {
    let mut tree = Node::read(&LEAF);
    let id = Node::Value(6, vec![0x2A, 3]);
    change(&mut tree, ALT_NAMES, |names| {
        *names.nodes() = vec![
            Node::List(0xA0, vec![id.clone(), Node::List(0xA0, vec![Node::Value(27, vec![0xE9])])]),
            Node::List(0xA3, vec![Node::List(0x30, vec![])]),
            Node::List(0xA4, vec![Node::List(0x30, vec![])]),
            Node::List(0xA5, vec![Node::List(0xA1, vec![Node::Value(12, b"a".to_vec())])]),
            Node::Value(0x88, vec![0x2A, 3]),
            Node::Value(0x86, vec![]),
        ];
    });
    let certificate = read(&tree);
    assert_eq!(certificate.other_alt_names, 5);
    assert_eq!(certificate.alt_names, [AltName::Uri("".into())], "an empty name is one");
}

#[test]
fn serial_numbers_have_no_leading_zeros() {
    for (content, bytes, text) in [
        (&[0][..], &[][..], "0x00"),
        (&[1], &[1], "0x01"),
        (&[0, 0x80], &[0x80], "0x80"),
        (&[0x7F, 0, 0xAB], &[0x7F, 0, 0xAB], "0x7f00ab"),
        (&[0x11; 21], &[0x11; 21], "0x111111111111111111111111111111111111111111"),
    ] {
        let mut tree = Node::read(&LEAF);
        *tree.at(part::SERIAL).content() = content.to_vec();
        let certificate = read(&tree);
        assert_eq!(*certificate.serial, *bytes);
        let json: serde_json::Value = serde_json::from_str(&certificate.to_json(None, None)).unwrap();
        assert_eq!(json["serialNumber"], text);
    }
}

#[test]
fn old_versions_are_read_without_extensions() {
    for (version, ids) in [(None, false), (Some(1), false), (Some(1), true), (Some(2), true)] {
        let mut tree = Node::read(&LEAF);
        let parts = tree.at(&[0]).nodes();
        parts.pop();
        if ids {
            parts.extend([Node::Value(0x81, vec![0, 1]), Node::Value(0x82, vec![7, 0x80])]);
        }
        match version {
            Some(number) => parts[0] = Node::List(0xA0, vec![Node::Value(2, vec![number])]),
            None => drop(parts.remove(0)),
        }
        let certificate = read(&tree);
        assert!(certificate.extensions.is_empty() && certificate.alt_names.is_empty());
        assert_eq!(certificate.subject.common_name().as_deref(), Some("leaf"));
    }
}

#[test]
fn only_a_string_is_the_text_of_an_extension() {
    for (value, text) in [
        (&[0x0C, 2, 0xC3, 0xA9][..], Some("é")),
        (&[0x16, 1, b'a'], Some("a")),
        (&[0x13, 1, b'*'], Some("*")),
        (&[0x0C, 0], Some("")),
        (&[0x04, 1, b'a'], None),
        (&[0x14, 1, b'a'], None),
        (&[0x30, 3, 0x0C, 1, b'a'], None),
        (b"east", None),
        (&[], None),
    ] {
        let mut tree = Node::read(&LEAF);
        *extension(&mut tree, TEXT).nodes().last_mut().unwrap().content() = value.to_vec();
        let certificate = read(&tree);
        assert_eq!(certificate.extensions.last().unwrap().text.as_deref(), text, "{value:?}");
    }
}

#[test]
fn the_normalised_form_is_the_published_one() {
    let mut leaf = made::params(&[(DnType::CommonName, "a\"b")]);
    leaf.serial_number = Some(SerialNumber::from(vec![0x0A, 0xBC]));
    leaf.subject_alt_names = vec![
        rcgen::SanType::URI("spiffe://td.test/a".try_into().unwrap()),
        rcgen::SanType::IpAddress("::ffff:127.0.0.1".parse().unwrap()),
        rcgen::SanType::Rfc822Name("a@b".try_into().unwrap()),
    ];
    let der = made::signed(&leaf);
    let certificate = Certificate::from_der(&der).unwrap();
    let sha256: String = certificate.sha256.iter().map(|byte| format!("{byte:02X}")).collect();
    let start = [
        r#"{"subjectDn":"CN=a\\\"b","subjectCn":"a\"b","issuerDn":"CN=test authority,C=SE","#,
        r#""issuerCn":"test authority","serialNumber":"0x0abc","fingerprint256":""#,
        &sha256,
        r#"","subjectAltNames":["URI:spiffe://td.test/a","IP:::ffff:127.0.0.1","email:a@b"],"#,
        r#""notBefore":"2026-01-02T00:00:00Z","notAfter":"2055-12-31T00:00:00Z""#,
    ]
    .concat();
    assert_eq!(certificate.to_json(None, None), format!("{start}}}"));
    assert_eq!(certificate.to_json(Some(false), None), format!(r#"{start},"verified":false}}"#));
    let json: serde_json::Value =
        serde_json::from_str(&certificate.to_json(Some(true), Some(&pem::encode(&der)))).unwrap();
    assert_eq!(json["verified"], true);
    assert_eq!(pem::decode(json["pem"].as_str().unwrap().as_bytes()), Some(der));
}

/// Not-before in either form, as it is printed.
fn printed(tag: u8, time: &str) -> (i64, String) {
    let mut tree = Node::read(&LEAF);
    tree.at(part::VALIDITY).nodes()[0] = Node::Value(tag, time.as_bytes().to_vec());
    let certificate = read(&tree);
    let json: serde_json::Value = serde_json::from_str(&certificate.to_json(None, None)).unwrap();
    (certificate.not_before, json["notBefore"].as_str().unwrap().to_owned())
}

#[test]
fn two_digits_of_a_year_mean_1950_to_2049() {
    assert_eq!(printed(23, "491231235959Z"), (2_524_607_999, "2049-12-31T23:59:59Z".into()));
    assert_eq!(printed(23, "500101000000Z"), (-631_152_000, "1950-01-01T00:00:00Z".into()));
    assert_eq!(printed(23, "000229120000Z"), (951_825_600, "2000-02-29T12:00:00Z".into()));
    assert_eq!(printed(23, "700101000000Z"), (0, "1970-01-01T00:00:00Z".into()));
    assert_eq!(printed(24, "00000101000000Z").1, "0000-01-01T00:00:00Z");
    assert_eq!(printed(24, "00000229000000Z").1, "0000-02-29T00:00:00Z");
    assert_eq!(printed(24, "99991231235959Z"), (253_402_300_799, "9999-12-31T23:59:59Z".into()));
}

proptest! {
    /// The calendar of the parser and that of the printed form agree.
    #[test]
    fn a_time_is_printed_as_it_stood(
        (year, month, day) in (0..=9999u16, 1..=12u8, 1..=28u8),
        (hour, minute, second) in (0..24u8, 0..60u8, 0..60u8),
    ) {
        let time = format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}Z");
        let expected = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z");
        prop_assert_eq!(printed(24, &time).1, expected);
    }
}
