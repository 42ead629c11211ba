//! What a request says of its connection: through which proxy, and whom TLS trusts.

use super::builder::RequestBuilder;
use crate::{
    connection::Terms,
    error::HttpError,
    proxies::Proxies,
    session::Inner,
    site::{Origin, Proxy},
    trust::{ClientCert, Trust, Verify},
};
use std::rc::Rc;

/// What a request chooses itself; the rest is the session's choice.
#[derive(Clone, Debug, Default)]
pub(crate) struct OwnTerms {
    pub(crate) proxy: Option<ProxyChoice>,
    pub(crate) verify: Option<Verify>,
    pub(crate) cert: Option<ClientCert>,
}

/// What a request says of proxies.
#[derive(Clone, Debug)]
pub(crate) enum ProxyChoice {
    /// None.
    Direct,
    /// The one of this URL.
    Through(Box<str>),
    /// Those that these say.
    By(Rc<Proxies>),
}

impl OwnTerms {
    /// These terms, and where they say nothing those of `defaults`.
    pub(crate) fn over(own: Option<Rc<OwnTerms>>, defaults: &Rc<OwnTerms>) -> Rc<OwnTerms> {
        let Some(mut own) = own else { return Rc::clone(defaults) };
        let OwnTerms { proxy, verify, cert } = Rc::make_mut(&mut own);
        *proxy = proxy.take().or_else(|| defaults.proxy.clone());
        *verify = verify.take().or_else(|| defaults.verify.clone());
        *cert = cert.take().or_else(|| defaults.cert.clone());
        own
    }

    /// What comes of the request's choice and the session's.
    #[cold]
    pub(crate) fn settle(
        own: Option<&OwnTerms>,
        session: &Inner,
        origin: &Origin,
    ) -> Result<Option<Rc<Terms>>, HttpError> {
        let options = &session.options;
        let proxy = match own.and_then(|own| own.proxy.as_ref()) {
            _ if origin.is_unix() => None,
            Some(ProxyChoice::Direct) => None,
            Some(ProxyChoice::Through(url)) => Some(&**url),
            Some(ProxyChoice::By(proxies)) => proxies.select(origin),
            None => options.proxies.select(origin),
        };
        // Without TLS there is nobody to trust, and so no difference.
        let trust = own.filter(|_| origin.tls.is_some()).and_then(|own| {
            let OwnTerms { verify, cert, .. } = own;
            if verify.is_none() && cert.is_none() {
                return None;
            }
            Trust::chosen(options, verify.as_ref(), cert.as_ref())
        });
        session.local.terms.get(proxy, trust)
    }
}

/// What it is connected by. Connections are told apart by it, and so are those over HTTP/2 and in
/// shared pools: none serves a request that wants another.
impl<Mode> RequestBuilder<'_, Mode> {
    fn terms(&mut self) -> &mut OwnTerms {
        Rc::make_mut(self.parts().terms.get_or_insert_default())
    }

    /// Sends it through this HTTP proxy, whatever the session's options say, its redirects too; see
    /// [`crate::Proxies`]. Locust's `proxies`.
    pub fn proxy(mut self, url: &str) -> Self {
        match Proxy::parse(url) {
            Ok(_) => self.terms().proxy = Some(ProxyChoice::Through(url.into())),
            Err(error) => self.parts().fail(error),
        }
        self
    }

    /// Sends it without a proxy, whatever the session's options say.
    pub fn no_proxy(mut self) -> Self {
        self.terms().proxy = Some(ProxyChoice::Direct);
        self
    }

    /// Whether the server's certificate is verified, or by what, whatever the session's options
    /// say, for its redirects too. `false` takes any certificate. A path is that of a PEM file, or
    /// of a directory of such files, with the certificates to trust instead of the session's or the
    /// system's. `true` verifies by those: what [`SessionOptions::ca_file`] names (`--cacert`), or
    /// the system's. Locust's `verify`.
    ///
    /// Such a request neither uses nor resumes a connection that was made with another trust. Each
    /// file is read once per core. One that cannot be used is the failure of the request, and a
    /// plain `http://` request does not look at it.
    ///
    /// ```ignore
    /// client.get("https://staging.shop.test/").verify(false).await;
    /// client.get("/orders").verify("/etc/shop/ca.pem").await;
    /// ```
    ///
    /// [`SessionOptions::ca_file`]: crate::SessionOptions::ca_file
    pub fn verify(mut self, verify: impl Into<Verify>) -> Self {
        self.terms().verify = Some(verify.into());
        self
    }

    /// Shows this client certificate to servers that ask for one, whatever the session's options
    /// say, also where redirects lead: one PEM file with the certificate and its key, or a pair of
    /// files. The key must not be encrypted. Locust's `cert`.
    ///
    /// Connections and files are treated as by [`RequestBuilder::verify`].
    ///
    /// ```ignore
    /// client.get("/orders").cert("clerk.pem").await;
    /// client.get("/orders").cert(("manager.pem", "manager.key")).await;
    /// ```
    pub fn cert(mut self, cert: impl Into<ClientCert>) -> Self {
        self.terms().cert = Some(cert.into());
        self
    }
}
