//! Header values and source documents: whatever they are, a decision comes out, the same each time, and
//! nobody passes for verified whom nobody verified.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use peergate_core::limits::HostLimits;
use peergate_core::source::preset::TABLE;
use peergate_core::{Documents, Gate, Header, Reason, Request};

const POLICY: &[u8] = br#"{"version":1,
    "deny":[{"name":"mallory","from":[{"subject":{"cn":"mallory"}}],"methods":["PATCH"]}],
    "allow":[{"name":"any","from":"authenticated"}]}"#;
const NOW: i64 = 1_767_225_600;
/// A good certificate.
const LEAF: &[u8] = include_bytes!("../corpus/certificate/seed-leaf");

/// For sources that do not carry what the other one asks for.
const LEAST_POLICY: &[u8] = br#"{"version":1,"allow":[{"name":"any","from":"authenticated"}]}"#;

fn load(source: &[u8]) -> Option<Gate> {
    [POLICY, LEAST_POLICY].into_iter().find_map(|policy| {
        Gate::load(Documents::Parts { policy, source: Some(source) }, HostLimits::NATIVE).ok()
    })
}

/// A gate of one preset.
struct Preset {
    gate: Gate,
    headers: &'static [(&'static str, &'static str)],
    /// The header that must say yes, and what yes is.
    verify: Option<(&'static str, &'static [&'static str])>,
}

static PRESETS: LazyLock<Vec<Preset>> = LazyLock::new(|| {
    let mut presets = Vec::new();
    for row in TABLE.iter().filter(|row| !row.headers.is_empty()) {
        let code = row.preset.code();
        let (vouched, verify): (_, Option<(_, &'static [&'static str])>) = match code {
            "nginx" | "apache" => ("", Some(("x-ssl-client-verify", &["SUCCESS"]))),
            "ingress-nginx" => ("", Some(("ssl-client-verify", &["SUCCESS"]))),
            "haproxy" => ("", Some(("x-ssl-client-verify", &["0", "X509_V_OK"]))),
            "gcp" => ("", Some(("x-client-cert-chain-verified", &["true"]))),
            "cloudflare" => ("", Some(("cf-cert-verified", &["true", "SUCCESS"]))),
            "aws-alb-passthrough" | "azure-app-service" => (r#","requireVerified":false"#, None),
            _ => ("", None),
        };
        let options: &[&str] = match code {
            "envoy" => &["", r#","read":"certificate""#, r#","read":"certificate","format":"json""#],
            _ => &[vouched],
        };
        for options in options {
            let source = format!(r#"{{"preset":"{code}"{options}}}"#);
            let gate = load(source.as_bytes()).unwrap_or_else(|| panic!("{source}"));
            presets.push(Preset { gate, headers: row.headers, verify });
        }
    }
    presets
});

/// Decides twice: the second time the certificate may be one that was kept.
fn decide(gate: &Gate, headers: &[Header<'_>]) -> (Reason, Option<bool>) {
    let request = Request { method: b"GET", target: b"/", headers, connection: None, now: Some(NOW) };
    let [first, second] = [(); 2].map(|()| gate.decide(&request));
    assert_eq!(format!("{first:?}"), format!("{second:?}"));
    assert!(first.reason != Reason::NoRule && first.reason != Reason::DeniedByRule);
    (first.reason, first.verified)
}

/// The first byte chooses the preset; each line is the value of one of its headers, in turn, so that
/// there may be repeated ones.
pub fn check_headers(input: &[u8]) {
    let Some((choice, values)) = input.split_first() else { return };
    let preset = &PRESETS[usize::from(*choice) % PRESETS.len()];
    let values: Vec<_> = values.split(|byte| *byte == b'\n').take(16).collect();
    let names = preset.headers.iter().map(|(_, name)| name.as_bytes()).cycle();
    // NUL stands for a header that is not there.
    let lines: Vec<Header<'_>> = names.zip(values).filter(|(_, value)| *value != [0]).collect();
    let (reason, verified) = decide(&preset.gate, &lines);
    let has = |name: &str, accepted: &dyn Fn(&[u8]) -> bool| {
        lines.iter().any(|(found, value)| *found == name.as_bytes() && accepted(value))
    };
    let (_, cert) = preset.headers[0];
    let is_sent = has(cert, &|value| !value.is_empty());
    if reason == Reason::Allowed {
        assert!(is_sent, "nobody is somebody");
    }
    if verified == Some(true) {
        if let Some((name, accept)) = preset.verify {
            assert!(has(name, &|value| accept.iter().any(|yes| yes.as_bytes() == value)), "nobody verified");
        }
    }
    if is_sent && reason == Reason::NoCertificate {
        let is_empty_list = |value: &[u8]| value.first() == Some(&b'[') && value.last() == Some(&b']');
        let absent = |value: &[u8]| value == b"(null)" || value == b"\"\"" || is_empty_list(value);
        assert!(has(cert, &absent), "somebody is nobody");
    }
}

/// A parameter's value.
#[derive(Arbitrary, Debug)]
enum Bare {
    Nothing,
    Integer(i64),
    Decimal(i32, u8),
    Text(String),
    Token(Vec<u8>),
    Bytes(Vec<u8>),
    Boolean(bool),
    Date(i32),
    Display(String),
}

/// A certificate as RFC 9440 has it, with parameters.
#[derive(Arbitrary, Debug)]
pub struct Item {
    parameters: Vec<(Vec<u8>, u8, Bare)>,
    chain: Vec<Vec<u8>>,
    spaces: (u8, u8),
    damage: Option<(u16, u8)>,
}

impl Item {
    /// The item is read whatever its parameters are; damaged, it is read or refused.
    pub fn check(self) {
        let mut text = " ".repeat(usize::from(self.spaces.0 % 4)).into_bytes();
        text.extend(format!(":{}:", STANDARD.encode(LEAF)).bytes());
        for (key, spaces, value) in self.parameters.into_iter().take(64) {
            write_parameter(&key, spaces, value, &mut text);
        }
        text.resize(text.len() + usize::from(self.spaces.1 % 4), b' ');
        let chain = self
            .chain
            .iter()
            .filter(|bytes| !bytes.is_empty())
            .map(|bytes| format!(":{}:", STANDARD.encode(bytes)));
        let chain = chain.collect::<Vec<_>>().join(",\t ");
        if text.len().max(chain.len()) > 65536 {
            return;
        }
        let rfc9440 = PRESETS.iter().find(|preset| preset.headers[0].1 == "client-cert").expect("a preset");
        let mut lines: Vec<Header<'_>> = vec![(b"client-cert", &text)];
        if !chain.is_empty() {
            lines.push((b"client-cert-chain", chain.as_bytes()));
        }
        assert_eq!(decide(&rfc9440.gate, &lines), (Reason::Allowed, Some(true)));
        if let Some((at, byte)) = self.damage {
            let mut text = text.clone();
            let at = usize::from(at) % text.len();
            text[at] = byte;
            decide(&rfc9440.gate, &[(b"client-cert", &text)]);
        }
    }
}

fn write_parameter(key: &[u8], spaces: u8, value: Bare, out: &mut Vec<u8>) {
    const KEY: &[u8] = b"abcxyz*019_-.";
    const TOKEN: &[u8] = b"abzAZ*!#$%&'+-.^_`|~:/09";
    let among = |set: &[u8], byte: u8| set[usize::from(byte) % set.len()];
    out.push(b';');
    out.resize(out.len() + usize::from(spaces % 3), b' ');
    out.push(among(&KEY[..7], spaces));
    out.extend(key.iter().map(|byte| among(KEY, *byte)));
    if !matches!(value, Bare::Nothing) {
        out.push(b'=');
    }
    match value {
        Bare::Nothing => {}
        Bare::Integer(number) => out.extend((number % 1_000_000_000_000_000).to_string().bytes()),
        Bare::Decimal(whole, part) => out.extend(format!("{whole}.{part}").bytes()),
        Bare::Text(text) => {
            out.push(b'"');
            for byte in text.bytes().filter(|byte| matches!(byte, b' '..=b'~')) {
                if matches!(byte, b'"' | b'\\') {
                    out.push(b'\\');
                }
                out.push(byte);
            }
            out.push(b'"');
        }
        Bare::Token(token) => {
            out.push(b'T');
            out.extend(token.iter().map(|byte| among(TOKEN, *byte)));
        }
        Bare::Bytes(bytes) => out.extend(format!(":{}:", STANDARD.encode(bytes)).bytes()),
        Bare::Boolean(value) => out.extend(if value { b"?1" } else { b"?0" }),
        Bare::Date(seconds) => out.extend(format!("@{seconds}").bytes()),
        Bare::Display(text) => {
            out.extend(b"%\"");
            for byte in text.bytes() {
                match byte {
                    b'"' | b'%' | 0..=0x1F | 0x7F.. => out.extend(format!("%{byte:02x}").bytes()),
                    _ => out.push(byte),
                }
            }
            out.push(b'"');
        }
    }
}

/// A source that loads decides about any values.
pub fn check_source(input: &[u8]) {
    if let Some(gate) = load(input) {
        let names: Vec<_> = (b'a'..=b'z').map(|letter| [b'x', b'-', letter]).collect();
        let lines: Vec<Header<'_>> = names.iter().map(|name| (&name[..], &b"SUCCESS"[..])).collect();
        decide(&gate, &[]);
        decide(&gate, &lines);
    }
}

/// A custom source, and values for its headers.
#[derive(Arbitrary, Debug)]
pub struct Custom {
    certificate: Option<[u8; 8]>,
    fields: Option<[u8; 12]>,
    signals: Vec<[u8; 5]>,
    values: Vec<Value>,
}

#[derive(Arbitrary, Debug)]
enum Value {
    Absent,
    Word(u8),
    Base64(bool),
    Item,
    Pem(u8),
    Bytes(Vec<u8>),
}

impl Custom {
    /// Writes the document, loads it, and asks it.
    pub fn check(self) {
        let among =
            |words: &[&str], choice: u8| words.get(usize::from(choice)).map(|word| (*word).to_owned());
        let mut number = 0;
        let mut header = || {
            number += 1;
            format!("x-{number}")
        };
        let mut source = serde_json::json!({"preset": "custom", "requireVerified": false});
        let set = |at: &mut serde_json::Value, key: &str, value: Option<String>| {
            if let Some(value) = value {
                at[key] = value.into();
            }
        };
        if let Some([percent, quotes, take, encoding, absent, sha256, chain, _]) = self.certificate {
            let mut form = serde_json::json!({"header": header(), "encoding": "pem"});
            set(
                &mut form,
                "percent",
                among(&["none", "component", "literal", "form", "if-escaped"], percent),
            );
            set(&mut form, "quotes", among(&["none", "optional"], quotes));
            set(&mut form, "take", among(&["only", "first"], take));
            let encodings = ["pem", "pem-folded", "pem-chain", "base64", "byte-sequence"];
            set(&mut form, "encoding", among(&encodings, encoding % 5));
            if absent % 2 == 0 {
                form["absent"] = serde_json::json!(["(null)"]);
            }
            if sha256 % 3 == 0 {
                form["sha256"] = serde_json::json!({"header": header(), "encoding": "base64"});
            }
            if chain % 3 == 0 {
                form["chain"] = serde_json::json!({"header": header()});
            }
            source["certificate"] = form;
        }
        if let Some(fields) = self.fields {
            let mut all = serde_json::json!({});
            for (key, [is_there, how]) in
                ["sha256", "subject", "issuer", "spiffe", "uri", "dns"].iter().zip(fields.as_chunks().0)
            {
                if is_there % 2 == 0 {
                    continue;
                }
                let mut form = serde_json::json!({"header": header()});
                match *key {
                    "sha256" => set(&mut form, "encoding", among(&["hex", "base64"], *how)),
                    "subject" | "issuer" => {
                        set(&mut form, "dialect", among(&["rfc4514", "rfc4514-forward", "der-base64"], *how));
                    }
                    "spiffe" => {}
                    _ => set(&mut form, "list", among(&["single", "base64"], *how)),
                }
                all[*key] = form;
            }
            source["fields"] = all;
        }
        let signals = self.signals.iter().take(5).map(|[accept, none, says, without, _]| {
            let mut signal = serde_json::json!({"header": header(), "accept": ["SUCCESS"]});
            const YES: [&str; 4] = ["SUCCESS", "", "0", "true"];
            signal["accept"] = vec![YES[usize::from(accept % 4)]].into();
            if none % 2 == 0 {
                signal["none"] = serde_json::json!(["NONE"]);
            }
            set(&mut signal, "says", among(&["verified", "present"], *says));
            set(&mut signal, "withoutCertificate", among(&["none", "not-accepted", "any"], *without));
            signal
        });
        let signals: Vec<_> = signals.collect();
        source["verified"] = if signals.is_empty() { "promise".into() } else { signals.into() };
        let count = number;
        let Some(gate) = load(source.to_string().as_bytes()) else { return };
        let names: Vec<_> = (1..=count).map(|number| format!("x-{number}")).collect();
        let values: Vec<_> = self.values.iter().take(names.len()).map(Value::bytes).collect();
        let lines = names.iter().zip(&values);
        let lines = lines.filter_map(|(name, value)| Some((name.as_bytes(), value.as_deref()?)));
        decide(&gate, &lines.collect::<Vec<_>>());
    }
}

impl Value {
    fn bytes(&self) -> Option<Vec<u8>> {
        const WORDS: [&str; 8] =
            ["", "SUCCESS", "NONE", "0", "true", "(null)", "spiffe://td/a", "CN=mallory"];
        Some(match self {
            Self::Absent => return None,
            Self::Word(word) => WORDS[usize::from(word % 8)].into(),
            Self::Base64(quoted) => match STANDARD.encode(LEAF) {
                text if *quoted => format!("\"{text}\"").into(),
                text => text.into(),
            },
            Self::Item => format!(":{}:", STANDARD.encode(LEAF)).into(),
            Self::Pem(how) => {
                let pem = peergate_core::pem::encode(LEAF);
                match how % 3 {
                    0 => pem.into(),
                    1 => pem.replace('\n', " ").into(),
                    _ => pem.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>().into(),
                }
            }
            Self::Bytes(bytes) => bytes.clone(),
        })
    }
}
