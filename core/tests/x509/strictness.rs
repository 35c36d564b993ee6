//! One test for each rule: a real certificate with that one thing wrong is refused with its code.

use peergate_core::limits::{CERTIFICATE_BYTES, SANS};
use peergate_core::x509::{Certificate, X509Code};

use super::made::{
    ALT_NAMES, AUTHORITY, BASIC_CONSTRAINTS, EXTENDED_KEY_USAGE, LEAF, TEXT, change, extension, part,
};
use super::tree::{Node, with_length};

type Change = fn(&mut Node);

macro_rules! refused {
    ($($name:ident: $code:ident = $change:expr;)*) => {
        $(#[test]
        fn $name() {
            check(stringify!($name), X509Code::$code, $change);
        })*

        const CODES: &[X509Code] = &[$(X509Code::$code),*];
    };
}

fn check(name: &str, code: X509Code, change: Change) {
    let mut tree = Node::read(&LEAF);
    assert_eq!(tree.write(), *LEAF);
    change(&mut tree);
    let der = tree.write();
    let error = Certificate::from_der(&der).expect_err(name);
    assert_eq!(error.code, code, "{name} at {}", error.offset);
    assert!(error.offset <= der.len(), "{name} at {}", error.offset);
}

#[test]
fn what_is_changed_is_read_when_it_is_not_changed() {
    Certificate::from_der(&LEAF).unwrap();
    Certificate::from_der(&AUTHORITY).unwrap();
}

#[test]
fn every_rule_has_a_test() {
    for code in X509Code::ALL {
        // No bytes are known that pass the walks and that the parser does not read.
        assert!(CODES.contains(code) || *code == X509Code::Unreadable, "{code}");
    }
}

const SPIFFE: &[u8] = b"spiffe://td.test/a";

/// Sets the content of an alternative name.
fn san(certificate: &mut Node, at: usize, tag: u8, content: &[u8]) {
    change(certificate, ALT_NAMES, |names| names.nodes()[at] = Node::Value(tag, content.to_vec()));
}

/// Sets the value of the extension with text.
fn text(certificate: &mut Node, value: &[u8]) {
    *extension(certificate, TEXT).nodes().last_mut().unwrap().content() = value.to_vec();
}

/// Sets the value of the last attribute of the subject.
fn attribute(certificate: &mut Node, value: Node) {
    *certificate.at(part::SUBJECT).at(&[1, 0, 1]) = value;
}

fn nested(levels: usize) -> Node {
    Node::Raw((0..levels).fold(vec![0x05, 0], |inner, _| with_length(0x30, &inner)))
}

refused! {
    // Lengths and borders.
    more_than_16_kib: TooLong = |c| text(c, &vec![0x04; CERTIFICATE_BYTES]);
    nothing: Truncated = |c| *c = Node::Raw(vec![]);
    cut_short: Truncated = |c| { let mut der = c.write(); der.pop(); *c = Node::Raw(der) };
    length_beyond_the_end: Truncated = |c| *c = Node::Raw(vec![0x30, 0x83, 0x01, 0x00, 0x00]);
    element_missing: Truncated = |c| { c.nodes().pop(); };
    length_missing: Truncated = |c| *c = Node::Raw(vec![0x30]);
    bytes_after_the_certificate: TrailingBytes = |c| {
        let mut der = c.write();
        der.push(0);
        *c = Node::Raw(der);
    };
    element_at_the_end_of_the_certificate: TrailingBytes = |c| c.nodes().push(Node::Value(5, vec![]));
    element_at_the_end_of_what_is_signed: TrailingBytes =
        |c| c.at(&[0]).nodes().push(Node::Value(5, vec![]));
    element_after_the_version: TrailingBytes = |c| c.at(part::VERSION).nodes().push(Node::Value(2, vec![2]));
    element_after_the_extensions: TrailingBytes =
        |c| c.at(part::WRAPPED_EXTENSIONS).nodes().push(Node::Value(5, vec![]));
    element_after_the_times: TrailingBytes =
        |c| { let time = c.at(part::VALIDITY).nodes()[1].clone(); c.at(part::VALIDITY).nodes().push(time) };
    element_in_an_extension: TrailingBytes =
        |c| extension(c, ALT_NAMES).nodes().push(Node::Value(5, vec![]));
    element_after_an_attribute: TrailingBytes =
        |c| c.at(part::SUBJECT).at(&[0, 0]).nodes().push(Node::Value(5, vec![]));
    element_after_the_key: TrailingBytes = |c| c.at(part::PUBLIC_KEY).nodes().push(Node::Value(5, vec![]));
    element_after_algorithm_parameters: TrailingBytes =
        |c| c.at(part::ALGORITHM).nodes().extend([Node::Value(5, vec![]), Node::Value(5, vec![])]);
    bytes_after_the_alternative_names: TrailingBytes =
        |c| extension(c, ALT_NAMES).nodes().last_mut().unwrap().content().extend([5, 0]);
    bytes_after_the_usages: TrailingBytes =
        |c| extension(c, EXTENDED_KEY_USAGE).nodes().last_mut().unwrap().content().extend([5, 0]);
    bytes_after_the_constraints: TrailingBytes =
        |c| extension(c, BASIC_CONSTRAINTS).nodes().last_mut().unwrap().content().extend([5, 0]);
    bytes_after_the_text: TrailingBytes =
        |c| extension(c, TEXT).nodes().last_mut().unwrap().content().extend([5, 0]);
    element_in_the_constraints: TrailingBytes =
        |c| change(c, BASIC_CONSTRAINTS, |tree| tree.nodes().push(Node::Value(5, vec![])));
    element_after_a_directory_name: TrailingBytes = |c| change(c, ALT_NAMES, |names| {
        names.nodes()[0] = Node::List(0xA4, vec![Node::List(0x30, vec![]), Node::List(0x30, vec![])]);
    });
    element_after_another_name: TrailingBytes = |c| change(c, ALT_NAMES, |names| {
        let value = Node::List(0xA0, vec![Node::Value(0x0C, b"a".to_vec())]);
        let id = Node::Value(6, vec![0x2A, 3]);
        names.nodes()[0] = Node::List(0xA0, vec![id, value, Node::Value(5, vec![])]);
    });
    indefinite_length_outside: IndefiniteLength = |c| {
        let mut der = vec![0x30, 0x80];
        c.nodes().iter().for_each(|node| der.extend(node.write()));
        der.extend([0, 0]);
        *c = Node::Raw(der);
    };
    indefinite_length_of_the_alternative_names: IndefiniteLength = |c| change(c, ALT_NAMES, |names| {
        let mut der = vec![0x30, 0x80];
        names.nodes().iter().for_each(|node| der.extend(node.write()));
        der.extend([0, 0]);
        *names = Node::Raw(der);
    });
    long_length_outside: NonMinimalLength = |c| *c = c.with_long_length(3);
    long_length_of_the_serial: NonMinimalLength = |c| {
        let serial = c.at(part::SERIAL);
        *serial = serial.with_long_length(1);
    };
    long_length_of_the_subject: NonMinimalLength = |c| {
        let subject = c.at(part::SUBJECT);
        *subject = subject.with_long_length(2);
    };
    long_length_of_the_alternative_names: NonMinimalLength =
        |c| change(c, ALT_NAMES, |names| *names = names.with_long_length(2));
    long_length_of_a_name: NonMinimalLength = |c| change(c, ALT_NAMES, |names| {
        let name = &mut names.nodes()[0];
        *name = name.with_long_length(1);
    });
    long_length_of_the_text: NonMinimalLength = |c| text(c, &[0x0C, 0x81, 1, b'a']);

    // Tags and forms.
    end_of_contents: UnexpectedTag = |c| attribute(c, Node::Raw(vec![0, 0]));
    tag_of_two_bytes: UnexpectedTag = |c| attribute(c, Node::Raw(vec![0x1F, 0x20, 0]));
    real_number: UnexpectedTag = |c| attribute(c, Node::Value(9, vec![]));
    elements_swapped: UnexpectedTag = |c| c.nodes().swap(1, 2);
    no_time: UnexpectedTag = |c| c.at(part::VALIDITY).nodes()[0] = Node::Value(2, vec![1]);
    unique_id_out_of_order: UnexpectedTag = |c| {
        c.at(&[0]).nodes().insert(7, Node::Value(0x82, vec![0]));
        c.at(&[0]).nodes().insert(8, Node::Value(0x81, vec![0]));
        c.at(&[0]).nodes().remove(6);
    };
    attribute_not_in_a_set: UnexpectedTag = |c| c.at(part::SUBJECT).at(&[0]).set_tag(0x30);
    usages_of_another_type: UnexpectedTag =
        |c| change(c, EXTENDED_KEY_USAGE, |usages| usages.nodes()[0] = Node::Value(2, vec![1]));
    alternative_names_of_another_type: UnexpectedTag =
        |c| change(c, ALT_NAMES, |names| *names = Node::List(0x31, vec![]));
    string_in_pieces: WrongForm =
        |c| attribute(c, Node::List(0x2C, vec![Node::Value(0x0C, b"le".to_vec()), Node::Value(0x0C, b"af".to_vec())]));
    extension_in_pieces: WrongForm = |c| {
        let value = extension(c, ALT_NAMES).nodes().pop().unwrap();
        let Node::Value(_, content) = value else { panic!() };
        extension(c, ALT_NAMES).nodes().push(Node::List(0x24, vec![Node::Value(4, content)]));
    };
    sequence_in_no_form: WrongForm = |c| attribute(c, Node::Value(0x10, vec![]));
    too_deep: TooDeep = |c| attribute(c, nested(20));
    thousands_deep: TooDeep = |c| attribute(c, nested(3000));

    // Values.
    true_is_one: BadBoolean = |c| critical(c, vec![0x01]);
    boolean_of_two_bytes: BadBoolean = |c| critical(c, vec![0xFF, 0xFF]);
    boolean_in_the_constraints: BadBoolean =
        |c| change(c, BASIC_CONSTRAINTS, |tree| tree.nodes().push(Node::Value(1, vec![0x01])));
    critical_false: ExplicitDefault = |c| critical(c, vec![0x00]);
    no_authority_spelled_out: ExplicitDefault =
        |c| change(c, BASIC_CONSTRAINTS, |tree| tree.nodes().push(Node::Value(1, vec![0x00])));
    version_1_spelled_out: ExplicitDefault = |c| *c.at(part::VERSION).at(&[0]).content() = vec![0];
    version_4: BadVersion = |c| *c.at(part::VERSION).at(&[0]).content() = vec![3];
    version_1_with_extensions: BadVersion = |c| { c.at(&[0]).nodes().remove(0); };
    version_2_with_extensions: BadVersion = |c| *c.at(part::VERSION).at(&[0]).content() = vec![1];
    version_1_with_a_unique_id: BadVersion = |c| {
        *c.at(part::WRAPPED_EXTENSIONS) = Node::Value(0x81, vec![0]);
        c.at(&[0]).nodes().remove(0);
    };
    serial_negative: NegativeInteger = |c| *c.at(part::SERIAL).content() = vec![0x80];
    path_length_negative: NegativeInteger =
        |c| change(c, BASIC_CONSTRAINTS, |tree| tree.nodes().push(Node::Value(2, vec![0xFF])));
    serial_with_a_leading_zero: BadInteger = |c| *c.at(part::SERIAL).content() = vec![0, 1];
    serial_with_a_leading_sign: BadInteger = |c| *c.at(part::SERIAL).content() = vec![0xFF, 0x80];
    serial_empty: BadInteger = |c| c.at(part::SERIAL).content().clear();
    oid_empty: BadOid = |c| c.at(part::SUBJECT).at(&[0, 0, 0]).content().clear();
    oid_with_a_leading_zero: BadOid = |c| *c.at(part::SUBJECT).at(&[0, 0, 0]).content() = vec![0x55, 0x80, 4];
    oid_cut_off: BadOid = |c| *c.at(part::SUBJECT).at(&[0, 0, 0]).content() = vec![0x55, 0x84];
    oid_beyond_128_bits: BadOid = |c| {
        let mut oid = vec![0x69];
        oid.extend([0xFF; 19]);
        oid.push(0x7F);
        *c.at(part::SUBJECT).at(&[0, 0, 0]).content() = oid;
    };
    oid_in_the_usages: BadOid = |c| change(c, EXTENDED_KEY_USAGE, |usages| usages.at(&[0]).content().clear());
    registered_id_empty: BadOid = |c| san(c, 0, 0x88, &[]);
    signature_with_eight_unused_bits: BadBitString = |c| c.at(&[2]).content()[0] = 8;
    signature_with_unused_bits_set: BadBitString = |c| {
        let bits = c.at(&[2]).content();
        bits[0] = 1;
        *bits.last_mut().unwrap() |= 1;
    };
    key_without_a_first_byte: BadBitString = |c| c.at(part::PUBLIC_KEY).at(&[1]).content().clear();
    unique_id_of_unused_bits: BadBitString =
        |c| c.at(&[0]).nodes().insert(7, Node::Value(0x82, vec![3]));
    null_with_content: BadNull = |c| attribute(c, Node::Value(5, vec![0]));
    utf8_broken: BadString = |c| attribute(c, Node::Value(12, vec![0xC3]));
    ia5_with_a_high_byte: BadString = |c| attribute(c, Node::Value(22, vec![0xE9]));
    printable_with_a_high_byte: BadString = |c| attribute(c, Node::Value(19, vec![0xE9]));
    bmp_with_half_a_unit: BadString = |c| attribute(c, Node::Value(30, vec![0, b'a', 0]));
    bmp_with_half_a_character: BadString = |c| attribute(c, Node::Value(30, vec![0xD8, 0x3D, 0xDE, 0]));
    universal_beyond_unicode: BadString = |c| attribute(c, Node::Value(28, vec![0, 0x11, 0, 0]));
    text_broken: BadString = |c| text(c, &with_length(12, &[0xFF]));
    text_beyond_ascii: BadString = |c| text(c, &with_length(22, "é".as_bytes()));
    time_without_seconds: BadTime = |c| utc(c, b"2601020000Z");
    time_with_a_zone: BadTime = |c| utc(c, b"260102000000+0100");
    time_with_another_end: BadTime = |c| utc(c, b"2601020000000");
    time_with_a_sign: BadTime = |c| utc(c, b"26010200000-Z");
    thirteenth_month: BadTime = |c| utc(c, b"261302000000Z");
    thirtieth_of_february: BadTime = |c| utc(c, b"240230000000Z");
    leap_day_in_no_leap_year: BadTime = |c| utc(c, b"260229000000Z");
    leap_day_in_2100: BadTime = |c| generalized(c, b"21000229000000Z");
    hour_24: BadTime = |c| utc(c, b"260102240000Z");
    second_60: BadTime = |c| utc(c, b"260102000060Z");
    fraction_of_a_second: BadTime = |c| generalized(c, b"20260102000000.5Z");
    four_digits_of_a_year_in_utc_time: BadTime = |c| utc(c, b"20260102000000Z");
    time_empty: BadTime = |c| utc(c, b"");

    // What belongs together.
    signature_algorithms_differ: AlgorithmMismatch =
        |c| c.at(&[1, 0]).content().last_mut().into_iter().for_each(|byte| *byte ^= 1);
    signature_parameters_differ: AlgorithmMismatch = |c| c.at(&[1]).nodes().push(Node::Value(5, vec![]));
    no_extension: EmptyList = |c| c.at(part::EXTENSIONS).nodes().clear();
    no_alternative_name: EmptyList = |c| change(c, ALT_NAMES, |names| names.nodes().clear());
    no_usage: EmptyList = |c| change(c, EXTENDED_KEY_USAGE, |usages| usages.nodes().clear());
    no_attribute: EmptyList = |c| c.at(part::SUBJECT).at(&[0]).nodes().clear();
    alternative_names_twice: DuplicateExtension = |c| {
        let names = extension(c, ALT_NAMES).clone();
        c.at(part::EXTENSIONS).nodes().push(names);
    };
    text_twice: DuplicateExtension = |c| {
        let text = extension(c, TEXT).clone();
        c.at(part::EXTENSIONS).nodes().insert(0, text);
    };
    unknown_kind_of_name: BadGeneralName = |c| san(c, 0, 0x89, b"a");
    uri_in_pieces: BadGeneralName = |c| change(c, ALT_NAMES, |names| {
        names.nodes()[0] = Node::List(0xA6, vec![Node::Value(0x16, SPIFFE.to_vec())]);
    });
    uri_with_the_bit_of_a_list: BadGeneralName = |c| san(c, 0, 0xA6, SPIFFE);
    dns_name_in_pieces: BadGeneralName = |c| san(c, 1, 0xA2, b"a");
    name_of_a_universal_type: BadGeneralName = |c| san(c, 0, 0x16, SPIFFE);
    directory_name_in_no_form: BadGeneralName = |c| san(c, 0, 0x84, &[0x30, 0]);
    address_of_five_bytes: BadGeneralName = |c| san(c, 2, 0x87, &[127, 0, 0, 1, 2]);
    address_empty: BadGeneralName = |c| san(c, 2, 0x87, &[]);
    address_with_a_mask: BadGeneralName = |c| san(c, 2, 0x87, &[127, 0, 0, 1, 255, 0, 0, 0]);
    uri_with_nul: BadNameByte = |c| san(c, 0, 0x86, b"spiffe://td.test/a\0b");
    dns_name_with_nul: BadNameByte = |c| san(c, 1, 0x82, b"a.td.test\0.evil.test");
    email_with_nul: BadNameByte = |c| san(c, 3, 0x81, b"a@td.test\0");
    uri_beyond_ascii: BadNameByte = |c| san(c, 0, 0x86, "spiffe://td.test/é".as_bytes());
    dns_name_beyond_ascii: BadNameByte = |c| san(c, 1, 0x82, "é.test".as_bytes());
    email_beyond_ascii: BadNameByte = |c| san(c, 3, 0x81, "é@td.test".as_bytes());
    uri_that_is_not_utf8: BadNameByte = |c| san(c, 0, 0x86, b"spiffe://td.test/\xFF");
    uri_with_a_line_feed: BadNameByte = |c| san(c, 0, 0x86, b"spiffe://td.test/a\nb");
    dns_name_with_delete: BadNameByte = |c| san(c, 1, 0x82, b"a\x7F");
    too_many_names: TooManySans =
        |c| change(c, ALT_NAMES, |names| *names.nodes() = vec![Node::Value(0x82, b"a".to_vec()); SANS + 1]);
}

fn critical(certificate: &mut Node, value: Vec<u8>) {
    extension(certificate, ALT_NAMES).nodes().insert(1, Node::Value(1, value));
}

fn utc(certificate: &mut Node, time: &[u8]) {
    certificate.at(part::VALIDITY).nodes()[0] = Node::Value(23, time.to_vec());
}

fn generalized(certificate: &mut Node, time: &[u8]) {
    certificate.at(part::VALIDITY).nodes()[1] = Node::Value(24, time.to_vec());
}

#[test]
fn limits_are_reached_and_not_passed() {
    let mut tree = Node::read(&LEAF);
    change(&mut tree, ALT_NAMES, |names| *names.nodes() = vec![Node::Value(0x82, b"a".to_vec()); SANS]);
    assert_eq!(Certificate::from_der(&tree.write()).unwrap().alt_names.len(), SANS);

    let fill = |bytes: usize| {
        let mut tree = Node::read(&LEAF);
        text(&mut tree, &vec![0x04; bytes]);
        tree.write()
    };
    let bytes = CERTIFICATE_BYTES - (fill(CERTIFICATE_BYTES).len() - CERTIFICATE_BYTES);
    let der = fill(bytes);
    assert_eq!(der.len(), CERTIFICATE_BYTES);
    Certificate::from_der(&der).unwrap();
    assert_eq!(Certificate::from_der(&fill(bytes + 1)).unwrap_err().code, X509Code::TooLong);
}

#[test]
fn offsets_point_at_the_byte() {
    let mut tree = Node::read(&LEAF);
    san(&mut tree, 0, 0x86, b"spiffe://td.test/a\0b");
    let der = tree.write();
    let at = der.windows(2).position(|pair| pair == b"a\0").unwrap();
    let error = Certificate::from_der(&der).unwrap_err();
    assert_eq!((error.code, error.offset), (X509Code::BadNameByte, at + 1));
    assert_eq!(error.to_string(), format!("bad_name_byte at byte {}", at + 1));

    let mut der = LEAF.clone();
    der.push(0);
    assert_eq!(Certificate::from_der(&der).unwrap_err().offset, LEAF.len());
}
