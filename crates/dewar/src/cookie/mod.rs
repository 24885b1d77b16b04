//! What goes over HTTP: reading `Cookie` headers, writing `Set-Cookie`.
