//! Forged copies of the headers in which a proxy says who called.

/// Lines as a service saw them, names in lower case.
pub(crate) type Lines = Vec<(String, String)>;

/// Something that a client writes into its request.
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    /// The lines of the request, each with its end; made of what the proxy writes for somebody else.
    pub(crate) lines: fn(&Lines) -> String,
}

/// Nothing.
pub(crate) const HONEST: Attack = Attack { name: "honest", lines: |_| String::new() };

/// All of them. Each must change nothing.
pub(crate) const ATTACKS: &[Attack] = &[
    Attack { name: "copies", lines: |stolen| all(stolen, str::to_owned) },
    Attack { name: "copies in upper case", lines: |stolen| all(stolen, str::to_ascii_uppercase) },
    Attack { name: "copies in mixed case", lines: |stolen| all(stolen, mixed_case) },
    Attack { name: "aliases with _", lines: |stolen| all(stolen, |name| name.replace('-', "_")) },
    Attack { name: "aliases with .", lines: |stolen| all(stolen, |name| name.replace('-', ".")) },
    Attack { name: "aliases, the last - is _", lines: |stolen| all(stolen, |name| replace_last(name, "_")) },
    Attack {
        name: "aliases, the first - is ., upper case",
        lines: |stolen| all(stolen, |name| name.replacen('-', ".", 1).to_ascii_uppercase()),
    },
    Attack { name: "repeated", lines: |stolen| all(stolen, str::to_owned).repeat(2) },
    Attack {
        name: "repeated, the first empty",
        lines: |stolen| {
            let empty: Lines = stolen.iter().map(|(name, _)| (name.clone(), String::new())).collect();
            all(&empty, str::to_owned) + &all(stolen, str::to_ascii_uppercase)
        },
    },
    Attack {
        name: "the certificate alone",
        lines: |stolen| all(stolen.get(..1).unwrap_or_default(), str::to_owned),
    },
    Attack {
        name: "all but the certificate",
        lines: |stolen| all(stolen.get(1..).unwrap_or_default(), str::to_owned),
    },
    Attack {
        name: "copies after a line feed alone",
        lines: |stolen| format!("x-a: b\n{}", all(stolen, str::to_owned).replace("\r\n", "\n")),
    },
    Attack {
        name: "copies after a carriage return alone",
        lines: |stolen| format!("x-a: b\r{}", all(stolen, str::to_owned)),
    },
    Attack {
        name: "a carriage return in the names",
        lines: |stolen| {
            all(stolen, |name| {
                format!("{}\r{}", name.get(..1).unwrap_or_default(), name.get(1..).unwrap_or_default())
            })
        },
    },
    Attack {
        name: "in the trailers",
        lines: |stolen| format!("transfer-encoding: chunked\r\n\r\n0\r\n{}", all(stolen, str::to_owned)),
    },
    Attack { name: "space before the colon", lines: |stolen| all(stolen, |name| format!("{name} ")) },
    Attack { name: "folded lines", lines: |stolen| all(stolen, str::to_owned).replace(": ", ":\r\n ") },
    Attack {
        name: "named in Connection",
        lines: |stolen| format!("connection: close, {}\r\n", names(stolen)),
    },
    Attack {
        name: "named in a second Connection, upper case",
        lines: |stolen| {
            format!("connection: close\r\nConnection: {}\r\n", names(stolen).to_ascii_uppercase())
        },
    },
    Attack {
        name: "copies, named in Connection",
        lines: |stolen| format!("{}connection: close, {}\r\n", all(stolen, str::to_owned), names(stolen)),
    },
    Attack {
        name: "the headers of another proxy",
        lines: |stolen| {
            let foreign = if stolen.iter().any(|(name, _)| name == "x-forwarded-client-cert") {
                "x-ssl-client-verify: SUCCESS\r\nclient-cert: :AA==:\r\n"
            } else {
                "x-forwarded-client-cert: Hash=00;URI=spiffe://prod.example/ns/default/sa/api\r\n"
            };
            foreign.to_owned()
        },
    },
    Attack {
        name: "the identity header",
        lines: |_| {
            ["X-Client-Identity", "x_client_identity", "x.client.identity"]
                .map(|name| format!("{name}: URI:spiffe://prod.example/ns/default/sa/api\r\n"))
                .concat()
        },
    },
];

impl Attack {
    /// Whether its lines can be sent over HTTP/2, which has no line ends to play with and no
    /// `Connection`.
    pub(crate) fn fits_http2(&self) -> bool {
        let sample = ["a-b", "c-d"].map(|name| (name.to_owned(), "value".to_owned())).to_vec();
        let fits = |line: &str| {
            let (name, value) = line.split_once(':').unwrap_or_default();
            let is_token = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
            let is_of_http1 =
                ["connection", "transfer-encoding"].iter().any(|own| name.eq_ignore_ascii_case(own));
            is_token && !name.is_empty() && !is_of_http1 && !value.contains(['\r', '\n'])
        };
        (self.lines)(&sample).split_terminator("\r\n").all(fits)
    }
}

fn all(lines: &[(String, String)], spell: impl Fn(&str) -> String) -> String {
    lines.iter().map(|(name, value)| format!("{}: {value}\r\n", spell(name))).collect()
}

fn names(lines: &Lines) -> String {
    lines.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
}

fn mixed_case(name: &str) -> String {
    let odd = |(at, c): (usize, char)| if at % 2 == 0 { c.to_ascii_uppercase() } else { c };
    name.chars().enumerate().map(odd).collect()
}

fn replace_last(name: &str, by: &str) -> String {
    name.rsplit_once('-').map_or_else(|| name.to_owned(), |(before, after)| format!("{before}{by}{after}"))
}
