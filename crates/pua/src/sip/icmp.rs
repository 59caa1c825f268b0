//! ICMP errors of a UDP socket: told by the error queue that Linux has for it, so that a refused
//! datagram ends the transaction at once (RFC 3261 §18.4) and not after Timer F.

use std::os::fd::AsRawFd;

use mio::net::UdpSocket;
use pua_core::Unreachable;

use super::udp::Undelivered;

/// "Destination unreachable" of ICMP.
const UNREACHABLE_V4: u8 = 3;
/// "Destination unreachable" and "packet too big" of ICMPv6.
const UNREACHABLE_V6: [u8; 2] = [1, 2];

/// Asks for the error queue.
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
            let (number, final_type) = match control {
                ControlMessageOwned::Ipv4RecvErr(error, _) => {
                    (error.ee_errno, error.ee_type == UNREACHABLE_V4)
                }
                ControlMessageOwned::Ipv6RecvErr(error, _) => {
                    (error.ee_errno, UNREACHABLE_V6.contains(&error.ee_type))
                }
                _ => continue,
            };
            // RFC 3261 §18.4: source quench and time exceeded say nothing of the next attempt.
            if final_type {
                let why = reason(nix::errno::Errno::from_raw(number.cast_signed()));
                sink(Undelivered { to, why });
            }
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
