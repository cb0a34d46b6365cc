//! Socket addresses in the kernel's layout (ip(7), ipv6(7)), written and read byte by byte: no casts, no padding.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// Room for an IPv4 or IPv6 address, in bytes.
pub(crate) const ADDRESS_BYTES: usize = 28;

const V4_BYTES: usize = 16;

/// Writes an address and gives its length. On an IPv6 socket an IPv4 address is written as mapped.
pub(crate) fn write(address: SocketAddr, v6_socket: bool, out: &mut [u8; ADDRESS_BYTES]) -> usize {
    out.fill(0);
    let v6 = match address {
        SocketAddr::V4(v4) if !v6_socket => {
            out[..2].copy_from_slice(&(libc::AF_INET as u16).to_ne_bytes());
            out[2..4].copy_from_slice(&v4.port().to_be_bytes());
            out[4..8].copy_from_slice(&v4.ip().octets());
            return V4_BYTES;
        }
        SocketAddr::V4(v4) => SocketAddrV6::new(v4.ip().to_ipv6_mapped(), v4.port(), 0, 0),
        SocketAddr::V6(v6) => v6,
    };
    out[..2].copy_from_slice(&(libc::AF_INET6 as u16).to_ne_bytes());
    out[2..4].copy_from_slice(&v6.port().to_be_bytes());
    out[4..8].copy_from_slice(&v6.flowinfo().to_be_bytes());
    out[8..24].copy_from_slice(&v6.ip().octets());
    out[24..28].copy_from_slice(&v6.scope_id().to_ne_bytes());
    ADDRESS_BYTES
}

/// Reads an address; a mapped IPv4 address is given as IPv4. `None` where it is neither or too short.
pub(crate) fn read(bytes: &[u8]) -> Option<SocketAddr> {
    let (family, rest) = bytes.split_first_chunk::<2>()?;
    let (port, rest) = rest.split_first_chunk::<2>()?;
    let port = u16::from_be_bytes(*port);
    match libc::c_int::from(u16::from_ne_bytes(*family)) {
        libc::AF_INET => {
            let ip: [u8; 4] = *rest.first_chunk()?;
            Some(SocketAddrV4::new(ip.into(), port).into())
        }
        libc::AF_INET6 => {
            let (flow, rest) = rest.split_first_chunk::<4>()?;
            let (ip, rest) = rest.split_first_chunk::<16>()?;
            let scope: [u8; 4] = *rest.first_chunk()?;
            let ip = Ipv6Addr::from(*ip);
            Some(match ip.to_ipv4_mapped() {
                Some(v4) => SocketAddrV4::new(v4, port).into(),
                None => SocketAddrV6::new(ip, port, u32::from_be_bytes(*flow), u32::from_ne_bytes(scope)).into(),
            })
        }
        _ => None,
    }
}

/// A mapped IPv4 address as IPv4.
pub(crate) fn canonical(ip: Ipv6Addr) -> IpAddr {
    ip.to_ipv4_mapped().map_or(IpAddr::V6(ip), IpAddr::V4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_back_as_they_went() {
        for text in ["1.2.3.4:56", "[2001:db8::1]:443", "[::]:0", "255.255.255.255:65535"] {
            let address: SocketAddr = text.parse().unwrap();
            for v6_socket in [true, address.is_ipv6()] {
                let mut bytes = [0xff; ADDRESS_BYTES];
                let len = write(address, v6_socket, &mut bytes);
                assert_eq!(read(&bytes[..len]), Some(address));
                assert_eq!(read(&bytes[..len - 9]), None);
            }
        }
        let scoped = SocketAddr::V6(SocketAddrV6::new("fe80::1".parse().unwrap(), 1, 0, 7));
        let mut bytes = [0; ADDRESS_BYTES];
        write(scoped, true, &mut bytes);
        assert_eq!(read(&bytes), Some(scoped));
        assert_eq!(read(&[0; ADDRESS_BYTES]), None);
    }
}
