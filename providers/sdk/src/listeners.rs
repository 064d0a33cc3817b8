//! Who on this machine waits for connections at which port, so that "already in use" can say by whom.

use crate::fs;

/// A socket that waits for connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Its port.
    pub port: u16,
    inode: String,
}

/// All TCP sockets of this machine that wait for connections. Empty on systems that cannot tell.
pub fn all() -> Vec<Listener> {
    if !cfg!(target_os = "linux") {
        return Vec::new();
    }
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let texts = tables.iter().filter_map(|path| fs::read_to_string(path.as_ref()).ok());
    texts.flat_map(|text| text.lines().skip(1).filter_map(parse_line).collect::<Vec<_>>()).collect()
}

/// Who of these holds a port, in words; `None` if nobody does.
pub fn holder(port: u16, listeners: &[Listener]) -> Option<String> {
    let listener = listeners.iter().find(|listener| listener.port == port)?;
    Some(match process(listener) {
        Some((pid, name)) => format!("port {port} is held by pid {pid} ({name})"),
        None => format!("port {port} is held by a process of another user"),
    })
}

/// A line of `/proc/net/tcp`, if it is of a socket that waits for connections.
fn parse_line(line: &str) -> Option<Listener> {
    const LISTEN: &str = "0A";
    let mut fields = line.split_ascii_whitespace();
    let (_, port) = fields.nth(1)?.rsplit_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    if fields.nth(1)? != LISTEN {
        return None;
    }
    Some(Listener { port, inode: fields.nth(5)?.to_owned() })
}

/// The process that has the socket open: its id and its name.
fn process(listener: &Listener) -> Option<(u32, String)> {
    let wanted = format!("socket:[{}]", listener.inode);
    let pids = fs::read_dir("/proc".as_ref()).unwrap_or_default();
    let mut pids = pids.iter().filter_map(|path| path.file_name()?.to_str()?.parse::<u32>().ok());
    let pid = pids.find(|pid| {
        let open = fs::read_dir(format!("/proc/{pid}/fd").as_ref()).unwrap_or_default();
        open.iter().any(|file| file.read_link().is_ok_and(|target| target.as_os_str() == wanted.as_str()))
    })?;
    let name = fs::read_to_string(format!("/proc/{pid}/comm").as_ref()).unwrap_or_default();
    Some((pid, name.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listening_socket_is_told_from_a_connection() {
        let line = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 31337 1";
        assert_eq!(parse_line(line), Some(Listener { port: 8080, inode: "31337".to_owned() }));
        assert_eq!(parse_line(&line.replace(" 0A ", " 01 ")), None);
        assert_eq!(parse_line("nonsense"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_holder_of_a_port_is_named() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let text = holder(port, &all()).unwrap();
        assert!(text.starts_with(&format!("port {port} is held by pid {} (", std::process::id())), "{text}");
    }
}
