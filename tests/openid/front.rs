//! What stands before the page: a proxy that has put it below a path, and a browser that follows nothing by itself.

use crate::harness::api;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use reqwest::Url;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// Where the page is, below the proxy.
pub(crate) const PATH: &str = "/logs";

/// The proxy; it is there before the server is.
#[derive(Clone)]
pub(crate) struct Front {
    target: Arc<Mutex<String>>,
    client: reqwest::Client,
    /// Where browsers have the page.
    pub(crate) page: Url,
}

impl Front {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let page = format!("http://{}{PATH}/", listener.local_addr().expect("an address")).parse().expect("an address");
        let front = Self { target: Arc::default(), client: client(), page };
        let app = Router::new().fallback(pass).with_state(front.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        front
    }

    pub(crate) fn leads_to(&self, server: &str) {
        server.clone_into(&mut self.target.lock().expect("the target"));
    }
}

fn client() -> reqwest::Client {
    api::builder(None).redirect(reqwest::redirect::Policy::none()).build().expect("a client")
}

async fn pass(State(front): State<Front>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let Some(rest) = path.strip_prefix(PATH) else { return StatusCode::NOT_FOUND.into_response() };
    let target = front.target.lock().expect("the target").clone();
    let asked = front.client.request(method, format!("{target}{rest}")).headers(headers).body(body).send().await;
    let Ok(answer) = asked else { return StatusCode::BAD_GATEWAY.into_response() };
    let (status, headers) = (answer.status(), answer.headers().clone());
    let mut response = Response::new(Body::from(answer.bytes().await.unwrap_or_default()));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// A browser: it keeps cookies of the page's host, and sends them where their paths allow.
pub(crate) struct Browser {
    client: reqwest::Client,
    page: Url,
    /// By name: the value and the path.
    pub(crate) cookies: HashMap<String, (String, String)>,
}

/// Where an answer leads, or what it says.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) status: u16,
    /// Resolved as browsers do.
    pub(crate) location: Option<Url>,
    pub(crate) set_cookie: Vec<String>,
    pub(crate) text: String,
}

impl Browser {
    pub(crate) fn new(front: &Front) -> Self {
        Self { client: client(), page: front.page.clone(), cookies: HashMap::new() }
    }

    pub(crate) async fn get(&mut self, url: &Url) -> Step {
        self.ask(Method::GET, url, &[]).await
    }

    /// One below `/api/v1`, as the page asks.
    pub(crate) async fn api(&mut self, method: Method, at: &str) -> Step {
        let url = self.page.join(&format!("api/v1/{at}")).expect("an address");
        self.ask(method, &url, &[("x-martlog-request", "1"), ("sec-fetch-site", "same-origin")]).await
    }

    async fn ask(&mut self, method: Method, url: &Url, headers: &[(&str, &str)]) -> Step {
        let own = url.host_str() == self.page.host_str() && url.port() == self.page.port();
        let sent = self.cookies.iter().filter(|(_, (_, path))| own && url.path().starts_with(path.as_str()));
        let sent = sent.map(|(name, (value, _))| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
        let mut request = self.client.request(method, url.clone());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !sent.is_empty() {
            request = request.header("cookie", sent);
        }
        let answer = request.send().await.expect("an answer");
        let text_of = |value: &reqwest::header::HeaderValue| value.to_str().expect("text").to_owned();
        let set_cookie: Vec<String> = answer.headers().get_all("set-cookie").iter().map(text_of).collect();
        let location = answer.headers().get("location").map(|to| url.join(&text_of(to)).expect("an address"));
        if own {
            set_cookie.iter().for_each(|line| self.keep(line, url));
        }
        Step { status: answer.status().as_u16(), location, set_cookie, text: answer.text().await.unwrap_or_default() }
    }

    /// As RFC 6265 has it: without a path, the cookie is for the folder of the address.
    fn keep(&mut self, line: &str, url: &Url) {
        let mut pieces = line.split("; ");
        let (name, value) = pieces.next().and_then(|pair| pair.split_once('=')).expect("a cookie");
        let folder = url.path().rsplit_once('/').map_or("/", |(folder, _)| folder);
        let path = pieces.clone().find_map(|piece| piece.strip_prefix("Path=")).unwrap_or(folder);
        if pieces.any(|piece| piece == "Max-Age=0") {
            self.cookies.remove(name);
        } else {
            self.cookies.insert(name.to_owned(), (value.to_owned(), path.to_owned()));
        }
    }

    /// The address at which a sign-in begins.
    pub(crate) fn beginning(&self, to: &str) -> Url {
        let mut url = self.page.join("api/v1/session/openid/begin").expect("an address");
        url.query_pairs_mut().append_pair("to", to);
        url
    }

    /// To the provider and back, to the address with the code.
    pub(crate) async fn away(&mut self, to: &str) -> Url {
        let begun = self.get(&self.beginning(to)).await;
        assert_eq!(begun.status, 303, "{}", begun.text);
        let there = self.get(&begun.location.expect("the provider")).await;
        there.location.unwrap_or_else(|| panic!("the provider answered {}: {}", there.status, there.text))
    }

    /// The whole way; where it ends.
    pub(crate) async fn sign_in(&mut self, to: &str) -> Url {
        let back = self.away(to).await;
        let end = self.get(&back).await;
        assert_eq!(end.status, 303, "{}", end.text);
        end.location.expect("the page")
    }
}
