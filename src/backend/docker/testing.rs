//! An engine that is played by a test, for what a real one cannot be made to do.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::api::{ANY_VERSION, Api};

/// `answer` is given a request, and gives a status and a body for it; `None` is never a word. What version it is, it knows by itself.
pub async fn engine<A>(answer: impl FnMut(&str) -> Option<(&'static str, A)> + Send + 'static) -> Api
where
    A: AsRef<str> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("tcp://{}", listener.local_addr().expect("it has one"));
    let answer = std::sync::Arc::new(std::sync::Mutex::new(answer));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut request = [0; 4096];
                while let Ok(read @ 1..) = stream.read(&mut request).await {
                    let asked = String::from_utf8_lossy(&request[..read]);
                    let said = if asked.contains("/version ") {
                        Some(("200 OK", r#"{"ApiVersion":"1.41","Os":"linux","Arch":"amd64"}"#.to_owned()))
                    } else {
                        let mut answer = answer.lock().expect("not poisoned");
                        answer(&asked).map(|(status, body)| (status, body.as_ref().to_owned()))
                    };
                    let Some((status, body)) = said else { return std::future::pending().await };
                    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len());
                    _ = stream.write_all((head + &body).as_bytes()).await;
                }
            });
        }
    });
    let docker = bollard::Docker::connect_with_http(&address, 5, ANY_VERSION).expect("a client");
    Api::negotiate(docker).await.expect("it answers").0
}
