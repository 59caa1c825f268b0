//! ICMP errors of a UDP socket: told by the system's error queue where there is one (Linux), so
//! that a refused datagram ends the transaction at once (RFC 3261 §18.4) and not after Timer F.

use std::os::fd::AsRawFd;

use mio::net::UdpSocket;
use pua_core::Unreachable;

use super::udp::Undelivered;

/// Asks for the error queue. Elsewhere than on Linux there is none and nothing is told.
pub(crate) fn enable(socket: &std::net::UdpSocket, v6: bool) -> std::io::Result<()> {
    use nix::sys::socket::{setsockopt, sockopt};
    if v6 {
        setsockopt(socket, sockopt::Ipv6RecvErr, &true)?;
    } else {
        setsockopt(socket, sockopt::Ipv4RecvErr, &true)?;
    }
    Ok(())
}

/// Reads the error queue until it is empty.
pub(crate) fn drain(socket: &UdpSocket, mut sink: impl FnMut(Undelivered)) {
    use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg};
    // The queue gives the datagram back; only where it was sent and why is of interest.
    let mut head = [0u8; 64];
    let mut space = nix::cmsg_space!([u8; 256]);
    loop {
        let mut slots = [std::io::IoSliceMut::new(&mut head)];
        let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
        let Ok(message) = recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut slots, Some(&mut space), flags)
        else {
            return;
        };
        let Some(to) = message.address.as_ref().and_then(super::udp::socket_addr) else {
            continue;
        };
        let Ok(controls) = message.cmsgs() else { continue };
        for control in controls {
            let number = match control {
                ControlMessageOwned::Ipv4RecvErr(error, _) => error.ee_errno,
                ControlMessageOwned::Ipv6RecvErr(error, _) => error.ee_errno,
                _ => continue,
            };
            sink(Undelivered {
                to,
                why: reason(nix::errno::Errno::from_raw(number.cast_signed())),
            });
        }
    }
}

fn reason(error: nix::errno::Errno) -> Unreachable {
    match error {
        nix::errno::Errno::ECONNREFUSED => Unreachable::Refused,
        nix::errno::Errno::EMSGSIZE => Unreachable::TooLarge,
        _ => Unreachable::NoRoute,
    }
}
