//! What is known of a caller's certificate beyond what a decision says.

use alloc::string::String;

use super::source::Reader;
use super::{Gate, PROMISED};
use crate::credential::Credential;
use crate::fingerprint::Fingerprint;
use crate::limits::SOURCE_HEADERS;
use crate::normalised;
use crate::pem;
use crate::request::Request;
use crate::source::document::XfccFormat;
use crate::source::envoy::{Around, Caller};
use crate::source::lines::{self, Value};
use crate::source::{connection, forwarded};
use crate::xfcc::json;

impl Gate {
    /// The normalised certificate (see [`normalised::to_json`]) of the caller whom [`Gate::decide`] saw
    /// in the same request; `None` where it saw none or refused what it saw. Reads the source a second
    /// time, so that deciding need not keep what hardly anybody asks for.
    #[must_use]
    pub fn describe(&self, request: &Request<'_>) -> Option<String> {
        let mut described = None;
        self.present(request, &mut |credential| described = Some(told(credential)))?;
        described
    }

    /// Reads who the header lines and the connection of a request name, and hands that to `take`; `None`
    /// where they name nobody or cannot be read.
    pub(super) fn present(&self, request: &Request<'_>, take: &mut dyn FnMut(&Credential<'_>)) -> Option<()> {
        let source = &self.source;
        let certificates = &source.certificates;
        let mut values = [const { Value::Absent }; SOURCE_HEADERS];
        lines::collect(&source.watched, request.headers, source.max_bytes, &mut values).ok()?;
        match &source.reader {
            Reader::Connection => {
                let peer = request.connection.as_ref()?;
                let caller = connection::read(peer, certificates).ok()?;
                take(&caller.credential(source.is_verified(peer)));
            }
            Reader::Envoy(envoy) => {
                let around = Around { connection: request.connection, certificates };
                let value = values.first()?.bytes()?;
                match envoy.format {
                    XfccFormat::Text => present(&envoy.read_text(value, around, &mut ()).ok()?, take)?,
                    XfccFormat::Json => {
                        let elements = json::parse(value).ok()?;
                        present(&envoy.read_json(&elements, around, &mut ()).ok()?, take)?;
                    }
                }
            }
            Reader::Headers(form) => {
                let presented = forwarded::read(form, source.needs, &values, certificates).ok()??;
                take(&presented.credential());
            }
        }
        Some(())
    }
}

fn present(caller: &Caller<'_>, take: &mut dyn FnMut(&Credential<'_>)) -> Option<()> {
    match caller {
        Caller::None => return None,
        Caller::Fields(credential, _) => take(credential),
        Caller::Certificate(known, _) => take(&known.credential(PROMISED)),
    }
    Some(())
}

fn told(credential: &Credential<'_>) -> String {
    let pem = credential.sha256.as_ref().and_then(Fingerprint::der).map(pem::encode);
    normalised::to_json(credential, Some(credential.verified), pem.as_deref())
}

#[cfg(test)]
mod tests {
    use crate::limits::HostLimits;
    use crate::request::{Header, Peer};
    use crate::{Documents, Gate, Request};
    use alloc::string::String;

    fn gate(source: &str) -> Gate {
        let policy = br#"{"version":1,"allow":[{"name":"all","from":"authenticated"}]}"#;
        let documents = Documents::Parts { policy, source: Some(source.as_bytes()) };
        Gate::load(documents, HostLimits::NATIVE).expect("documents")
    }

    fn told(gate: &Gate, headers: &[Header<'_>], connection: Option<Peer<'_>>) -> Option<String> {
        let request = Request { method: b"GET", target: b"/", headers, connection, now: Some(0) };
        let certificate = gate.describe(&request);
        // It is about the caller whom the decision is about.
        let decision = gate.decide(&request);
        assert_eq!(certificate.is_some(), decision.verified.is_some());
        certificate
    }

    const HASH: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    #[test]
    fn the_fields_of_the_caller_are_told_and_of_nobody_else() {
        let element = |who: &str| {
            alloc::format!(
                r#"By=spiffe://td/edge;Hash={HASH};Subject="CN={who}";URI=spiffe://td/{who};DNS={who}"#
            )
        };
        let expected = |who: &str| {
            let hash = HASH.to_ascii_uppercase();
            alloc::format!(
                r#"{{"subjectDn":"CN={who}","subjectCn":"{who}","fingerprint256":"{hash}","subjectAltNames":["URI:spiffe://td/{who}","DNS:{who}"],"verified":true}}"#
            )
        };
        let last = element("edge").replace("By=spiffe://td/edge", "By=spiffe://td/own");
        let (first, second) = (element("a"), [element("a"), last].join(","));
        let text = gate(r#"{"preset":"envoy"}"#);
        let name: &[u8] = b"x-forwarded-client-cert";
        assert_eq!(told(&text, &[(name, first.as_bytes())], None), Some(expected("a")));
        assert_eq!(told(&text, &[(name, second.as_bytes())], None), None);
        assert_eq!(told(&text, &[(name, b"")], None), None);
        assert_eq!(told(&text, &[], None), None);
        let proxies = gate(r#"{"preset":"envoy","trustedProxies":["spiffe://td/edge","spiffe://td/own"]}"#);
        assert_eq!(told(&proxies, &[(name, second.as_bytes())], None), Some(expected("a")));
        let json = gate(r#"{"preset":"envoy","format":"json"}"#);
        let value =
            alloc::format!(r#"[{{"hash":"{HASH}","subject":"CN=a","uri":["spiffe://td/a"],"dns":["a"]}}]"#);
        assert_eq!(told(&json, &[(name, value.as_bytes())], None), Some(expected("a")));
        let fields = gate(r#"{"preset":"envoy","fields":["dns"]}"#);
        let only = told(&fields, &[(name, first.as_bytes())], None).expect("a caller");
        assert!(only.contains(r#""subjectAltNames":["DNS:a"]"#) && !only.contains("subjectDn"), "{only}");
    }

    #[cfg(feature = "x509")]
    #[test]
    fn a_certificate_is_told_whole_with_its_pem() {
        use crate::request::PeerCertificate;
        use crate::{pem, x509};
        use base64::Engine;
        use base64::engine::general_purpose::STANDARD;

        let key = rcgen::KeyPair::generate().expect("a key");
        let params = rcgen::CertificateParams::new(["a.example".into()]).expect("a name");
        let certificate = params.self_signed(&key).expect("a certificate");
        let der = &certificate.der()[..];
        let alone = x509::normalised(der).expect("a certificate");
        let expected = |verified: bool| {
            let key = r#""pem":"#;
            alone.replacen(key, &alloc::format!(r#""verified":{verified},{key}"#), 1)
        };
        let value = alloc::format!(":{}:", STANDARD.encode(der));
        let headers: &[Header<'_>] = &[(b"client-cert", value.as_bytes())];
        assert_eq!(told(&gate(r#"{"preset":"rfc9440"}"#), headers, None), Some(expected(true)));
        let connection = gate(r#"{"preset":"connection","requireVerified":false,"validity":"ignore"}"#);
        let text = pem::encode(der);
        for (certificate, verified) in
            [(PeerCertificate::Der(der), true), (PeerCertificate::Pem(text.as_bytes()), false)]
        {
            let peer = Peer { certificate, verified };
            assert_eq!(told(&connection, &[], Some(peer)), Some(expected(verified)));
        }
        let broken = Peer { certificate: PeerCertificate::Der(b"0"), verified: true };
        assert_eq!(told(&connection, &[], Some(broken)), None);
        assert_eq!(told(&connection, &[], None), None);
    }
}
