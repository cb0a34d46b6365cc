//! The file's shape: head, table, sections, signatures. Knows lengths and digests, not meanings.
//!
//! Comes in: sections to write, or bytes of anybody. Goes out: bytes, or borrowed sections. Reading allocates nothing but the
//! list of signatures, refuses every byte that is not accounted for, and never trusts a length before comparing it.

use crate::key::KeyId;

/// First bytes of a bundle.
pub const MAGIC: [u8; 8] = *b"EDGEBNDL";
/// Version of the container.
pub const FORMAT: u16 = 1;
/// Largest bundle.
pub const MAX_BUNDLE_BYTES: usize = 64 << 20;
/// Largest manifest.
pub const MAX_MANIFEST_BYTES: usize = 64 << 10;
/// Largest rule set.
pub const MAX_RULES_BYTES: usize = 48 << 20;
/// Most signatures.
pub const MAX_SIGNATURES: usize = 16;

const HEAD_BYTES: usize = 12;
const ENTRY_BYTES: usize = 44;
const SIGNATURE_BYTES: usize = 80;

/// Kinds of section with their largest sizes, in the order of the file. Kind 4 is set aside for time-zone tables.
const SECTIONS: [(u16, &str, usize); 3] = [
    (1, "manifest", MAX_MANIFEST_BYTES),
    (2, "catalogue", rules_catalogue::MAX_CATALOGUE_BYTES),
    (3, "rules", MAX_RULES_BYTES),
];

/// Why bytes are no bundle.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ReadError {
    /// Too large to be read.
    #[error("the bundle has {found} bytes, at most {MAX_BUNDLE_BYTES} are read: split the rule set")]
    TooLarge {
        /// Bytes.
        found: usize,
    },
    /// The first bytes are another file's.
    #[error("this is no bundle: its first bytes are not `EDGEBNDL`; give the file that `edgectl rules build` wrote")]
    Magic,
    /// Written by another version.
    #[error(
        "the bundle has format {found}, this build reads format {FORMAT}: build it with an `edgectl` of this version"
    )]
    Format {
        /// What it says.
        found: u16,
    },
    /// Sections are not those of this format.
    #[error("the bundle's sections are not those of format {FORMAT}: build it with an `edgectl` of this version")]
    Sections,
    /// A section is larger than it may be.
    #[error("section `{section}` has {found} bytes, at most {limit} are read")]
    SectionTooLarge {
        /// Which.
        section: &'static str,
        /// Bytes.
        found: u64,
        /// Bytes.
        limit: usize,
    },
    /// Ends early.
    #[error("the bundle is cut short: copy it again")]
    Truncated,
    /// Goes on after its end.
    #[error("the bundle has bytes after its end: copy it again")]
    TrailingBytes,
    /// A section's digest does not fit its bytes.
    #[error("section `{section}` is damaged: copy the bundle again")]
    Digest {
        /// Which.
        section: &'static str,
    },
    /// Signatures are not sorted, or too many, or a key signed twice.
    #[error("the bundle's list of signatures is malformed: sign it again")]
    Signatures,
}

impl ReadError {
    /// Stable word for metrics and documents.
    pub const fn code(&self) -> &'static str {
        match self {
            ReadError::TooLarge { .. } => "BUNDLE_TOO_LARGE",
            ReadError::Magic => "BUNDLE_MAGIC",
            ReadError::Format { .. } => "BUNDLE_FORMAT",
            ReadError::Sections => "BUNDLE_SECTIONS",
            ReadError::SectionTooLarge { .. } => "BUNDLE_SECTION_TOO_LARGE",
            ReadError::Truncated => "BUNDLE_TRUNCATED",
            ReadError::TrailingBytes => "BUNDLE_TRAILING_BYTES",
            ReadError::Digest { .. } => "BUNDLE_DIGEST",
            ReadError::Signatures => "BUNDLE_SIGNATURES",
        }
    }
}

/// A bundle taken apart; nothing is trusted yet.
pub(crate) struct Container<'a> {
    pub(crate) manifest: &'a [u8],
    pub(crate) catalogue: &'a [u8],
    pub(crate) rules: &'a [u8],
    /// All bytes that signatures are over.
    pub(crate) signed: &'a [u8],
    pub(crate) signatures: Vec<(KeyId, [u8; 64])>,
}

/// The bytes that signatures are over. `sections` are manifest, catalogue, rules.
pub(crate) fn write(sections: [&[u8]; 3]) -> Result<Vec<u8>, ReadError> {
    let total = sections.iter().map(|s| s.len()).sum::<usize>() + HEAD_BYTES + sections.len() * ENTRY_BYTES;
    if total + 1 + MAX_SIGNATURES * SIGNATURE_BYTES > MAX_BUNDLE_BYTES {
        return Err(ReadError::TooLarge { found: total });
    }
    let mut out = Vec::with_capacity(total + 1 + SIGNATURE_BYTES);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&FORMAT.to_le_bytes());
    out.extend_from_slice(&(SECTIONS.len() as u16).to_le_bytes());
    for ((kind, section, limit), bytes) in SECTIONS.into_iter().zip(sections) {
        if bytes.len() > limit {
            return Err(ReadError::SectionTooLarge { section, found: bytes.len() as u64, limit });
        }
        out.extend_from_slice(&kind.to_le_bytes());
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        out.extend_from_slice(blake3::hash(bytes).as_bytes());
    }
    sections.iter().for_each(|bytes| out.extend_from_slice(bytes));
    Ok(out)
}

/// Appends signatures to what [`write`] made.
pub(crate) fn append_signatures(bundle: &mut Vec<u8>, signatures: &[(KeyId, [u8; 64])]) {
    assert!(signatures.len() <= MAX_SIGNATURES, "a bundle has at most {MAX_SIGNATURES} signatures");
    bundle.push(signatures.len() as u8);
    for (key, signature) in signatures {
        bundle.extend_from_slice(&key.0);
        bundle.extend_from_slice(signature);
    }
}

/// Takes a bundle apart and compares its digests.
pub(crate) fn read(bytes: &[u8]) -> Result<Container<'_>, ReadError> {
    if bytes.len() > MAX_BUNDLE_BYTES {
        return Err(ReadError::TooLarge { found: bytes.len() });
    }
    let mut rest = bytes;
    if take(&mut rest, MAGIC.len()).map_err(|_| ReadError::Magic)? != MAGIC {
        return Err(ReadError::Magic);
    }
    let found = u16::from_le_bytes(take_array(&mut rest)?);
    if found != FORMAT {
        return Err(ReadError::Format { found });
    }
    if usize::from(u16::from_le_bytes(take_array(&mut rest)?)) != SECTIONS.len() {
        return Err(ReadError::Sections);
    }
    let mut table = [(0_usize, [0_u8; 32]); SECTIONS.len()];
    for (entry, (kind, section, limit)) in table.iter_mut().zip(SECTIONS) {
        if u16::from_le_bytes(take_array(&mut rest)?) != kind || take_array::<2>(&mut rest)? != [0, 0] {
            return Err(ReadError::Sections);
        }
        let found = u64::from_le_bytes(take_array(&mut rest)?);
        let len = usize::try_from(found).ok().filter(|len| *len <= limit);
        *entry = (len.ok_or(ReadError::SectionTooLarge { section, found, limit })?, take_array(&mut rest)?);
    }
    let mut sections: [&[u8]; SECTIONS.len()] = [&[]; SECTIONS.len()];
    for ((bytes, (len, digest)), (_, section, _)) in sections.iter_mut().zip(table).zip(SECTIONS) {
        *bytes = take(&mut rest, len)?;
        if *blake3::hash(bytes).as_bytes() != digest {
            return Err(ReadError::Digest { section });
        }
    }
    let signed = &bytes[..bytes.len() - rest.len()];
    let [manifest, catalogue, rules] = sections;
    Ok(Container { manifest, catalogue, rules, signed, signatures: signatures(rest)? })
}

fn signatures(mut rest: &[u8]) -> Result<Vec<(KeyId, [u8; 64])>, ReadError> {
    let [count] = take_array(&mut rest)?;
    if usize::from(count) > MAX_SIGNATURES {
        return Err(ReadError::Signatures);
    }
    let mut signatures = Vec::with_capacity(usize::from(count));
    for _ in 0..count {
        signatures.push((KeyId(take_array(&mut rest)?), take_array(&mut rest)?));
    }
    if !rest.is_empty() {
        return Err(ReadError::TrailingBytes);
    }
    if !signatures.is_sorted_by(|a, b| a.0 < b.0) {
        return Err(ReadError::Signatures);
    }
    Ok(signatures)
}

fn take<'a>(rest: &mut &'a [u8], len: usize) -> Result<&'a [u8], ReadError> {
    let (head, tail) = rest.split_at_checked(len).ok_or(ReadError::Truncated)?;
    *rest = tail;
    Ok(head)
}

fn take_array<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], ReadError> {
    let (head, tail) = rest.split_first_chunk().ok_or(ReadError::Truncated)?;
    *rest = tail;
    Ok(*head)
}
