//! The one module that calls the C library aws-lc: RSA keys that can sign with SHA-1.
//!
//! aws-lc-rs offers neither RSA-SHA1 signing nor keys below 2048 bits, so its C side is called here.
//! Every block says why it is sound; the tests of this crate run under AddressSanitizer in `cargo xtask sanitize`.
#![allow(unsafe_code)]

use std::{
    ffi::{CString, c_int, c_void},
    ptr::{self, NonNull},
};

use aws_lc_sys as c;
use zeroize::Zeroizing;

/// An RSA private key, parsed and checked.
#[derive(Debug)]
pub(crate) struct RsaKey(NonNull<c::EVP_PKEY>);

// SAFETY: aws-lc documents (openssl/evp.h, rsa.h) that an `EVP_PKEY` and its `RSA` may be used from several threads at
// once by functions that take them as `const` or do not change them; the key is never changed after construction,
// and the blinding state inside `RSA` is guarded by the library's own lock.
unsafe impl Send for RsaKey {}
// SAFETY: as above.
unsafe impl Sync for RsaKey {}

impl Drop for RsaKey {
    fn drop(&mut self) {
        // SAFETY: the pointer came from the library with one reference that this value owns; it is given back once.
        unsafe { c::EVP_PKEY_free(self.0.as_ptr()) }
    }
}

/// Why the library gave no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The bytes did not parse, or the password was wrong: the library does not always tell them apart.
    Unreadable,
    /// The key is well-formed and of another kind.
    NotRsa,
}

impl RsaKey {
    /// Parses PKCS#8 (`PrivateKeyInfo`, RFC 5958) or PKCS#1 (`RSAPrivateKey`, RFC 8017) DER.
    pub(crate) fn from_der(der: &[u8]) -> Result<Self, Refusal> {
        let mut cbs = bytes(der);
        // SAFETY: `cbs` points into `der`, which outlives the call; the library only reads it and returns NULL or a key
        // that the caller owns.
        let key = unsafe { c::EVP_parse_private_key(&mut cbs) };
        match NonNull::new(key) {
            Some(key) => Self(key).only_rsa(),
            None => Self::from_pkcs1(der),
        }
    }

    fn from_pkcs1(der: &[u8]) -> Result<Self, Refusal> {
        clear_errors();
        let mut cbs = bytes(der);
        // SAFETY: as in `from_der`; NULL or an `RSA` that we own.
        let rsa = unsafe { c::RSA_parse_private_key(&mut cbs) };
        if rsa.is_null() {
            clear_errors();
            return Err(Refusal::Unreadable);
        }
        // SAFETY: takes nothing; NULL or a key that we own.
        let Some(key) = NonNull::new(unsafe { c::EVP_PKEY_new() }) else {
            // SAFETY: `rsa` is ours and not used again.
            unsafe { c::RSA_free(rsa) };
            return Err(Refusal::Unreadable);
        };
        let key = Self(key);
        // SAFETY: both pointers are live; on success the key takes over our reference to `rsa`, on failure it does not.
        if unsafe { c::EVP_PKEY_assign_RSA(key.0.as_ptr(), rsa) } != 1 {
            // SAFETY: the reference is still ours.
            unsafe { c::RSA_free(rsa) };
            return Err(Refusal::Unreadable);
        }
        Ok(key)
    }

    /// Opens an encrypted PKCS#8 key (`EncryptedPrivateKeyInfo`, RFC 5958 section 3).
    pub(crate) fn from_encrypted_pkcs8(der: &[u8], password: &str) -> Result<Self, Refusal> {
        let mut cbs = bytes(der);
        // SAFETY: `cbs` points into `der` and the password pointer and length describe `password`; both outlive the call.
        let key = unsafe {
            c::PKCS8_parse_encrypted_private_key(&mut cbs, password.as_ptr().cast(), password.len())
        };
        Self::owned(key)
    }

    /// Opens a traditional PEM key with a `DEK-Info` header (OpenSSL's own form).
    pub(crate) fn from_encrypted_pem(pem: &[u8], password: &str) -> Result<Self, Refusal> {
        let password = CString::new(password).map_err(|_| Refusal::Unreadable)?;
        let password = Zeroizing::new(password.into_bytes_with_nul());
        let length = pem.len().try_into().map_err(|_| Refusal::Unreadable)?;
        // SAFETY: the BIO reads from `pem`, which outlives it; it is freed below.
        let Some(bio) = NonNull::new(unsafe { c::BIO_new_mem_buf(pem.as_ptr().cast(), length) }) else {
            return Err(Refusal::Unreadable);
        };
        // SAFETY: without a callback the library takes the last argument as a NUL-terminated password, which
        // `into_bytes_with_nul` gives; it only reads it.
        let key = unsafe {
            c::PEM_read_bio_PrivateKey(
                bio.as_ptr(),
                ptr::null_mut(),
                None,
                password.as_ptr().cast_mut().cast::<c_void>(),
            )
        };
        // SAFETY: the BIO is ours and not used again.
        unsafe { c::BIO_free(bio.as_ptr()) };
        Self::owned(key)
    }

    fn owned(key: *mut c::EVP_PKEY) -> Result<Self, Refusal> {
        match NonNull::new(key) {
            Some(key) => Self(key).only_rsa(),
            None => {
                clear_errors();
                Err(Refusal::Unreadable)
            }
        }
    }

    fn only_rsa(self) -> Result<Self, Refusal> {
        // SAFETY: the pointer is live; the function only reads the key's type.
        let kind = unsafe { c::EVP_PKEY_id(self.0.as_ptr()) };
        if kind == c::EVP_PKEY_RSA { Ok(self) } else { Err(Refusal::NotRsa) }
    }

    /// The size of the modulus in bits.
    pub(crate) fn bits(&self) -> u32 {
        // SAFETY: the pointer is live; the function only reads.
        unsafe { c::EVP_PKEY_bits(self.0.as_ptr()) }.unsigned_abs()
    }

    /// RSASSA-PKCS1-v1_5 over a SHA-1 digest (RFC 8017 section 8.2.1).
    pub(crate) fn sign_sha1_digest(&self, digest: &[u8; 20]) -> Option<Vec<u8>> {
        // SAFETY: the key is an RSA key (`only_rsa`); the result is borrowed from it and not freed.
        let rsa = unsafe { c::EVP_PKEY_get0_RSA(self.0.as_ptr()) };
        // SAFETY: `rsa` is live as long as `self`.
        let size = unsafe { c::RSA_size(rsa) };
        let mut signature = vec![0_u8; usize::try_from(size).ok()?];
        let mut written = 0;
        // SAFETY: the digest has the 20 bytes announced; `signature` has the `RSA_size` bytes that the function may
        // write at most; `written` is a live integer.
        let done = unsafe {
            c::RSA_sign(c::NID_sha1, digest.as_ptr(), digest.len(), signature.as_mut_ptr(), &mut written, rsa)
        };
        if done != 1 {
            clear_errors();
            return None;
        }
        signature.truncate(usize::try_from(written).ok()?);
        Some(signature)
    }

    /// The private key as PKCS#8 DER.
    pub(crate) fn to_pkcs8(&self) -> Option<Zeroizing<Vec<u8>>> {
        marshal(self.0.as_ptr(), c::EVP_marshal_private_key).map(Zeroizing::new)
    }

    /// The public key as `SubjectPublicKeyInfo` DER (RFC 5280 section 4.1.2.7).
    pub(crate) fn to_spki(&self) -> Option<Vec<u8>> {
        marshal(self.0.as_ptr(), c::EVP_marshal_public_key)
    }
}

fn marshal(
    key: *mut c::EVP_PKEY,
    write: unsafe extern "C" fn(*mut c::CBB, *const c::EVP_PKEY) -> c_int,
) -> Option<Vec<u8>> {
    let mut cbb = std::mem::MaybeUninit::<c::CBB>::uninit();
    // SAFETY: `CBB_init` initialises the structure before anything reads it, and says so by returning 1.
    if unsafe { c::CBB_init(cbb.as_mut_ptr(), 512) } != 1 {
        return None;
    }
    let (mut out, mut length) = (ptr::null_mut(), 0);
    // SAFETY: the CBB is initialised, `key` is live, and `out` and `length` are live; `CBB_finish` gives us the buffer.
    let done = unsafe {
        write(cbb.as_mut_ptr(), key) == 1 && c::CBB_finish(cbb.as_mut_ptr(), &mut out, &mut length) == 1
    };
    if !done {
        // SAFETY: the CBB is initialised and not used again; cleaning it up frees what it holds.
        unsafe { c::CBB_cleanup(cbb.as_mut_ptr()) };
        clear_errors();
        return None;
    }
    take_buffer(out, length)
}

/// Copies a buffer that the library allocated, wipes it and frees it.
fn take_buffer(buffer: *mut u8, length: usize) -> Option<Vec<u8>> {
    if buffer.is_null() {
        return None;
    }
    // SAFETY: the library wrote `length` bytes at `buffer` and gave them to us.
    let copy = unsafe { std::slice::from_raw_parts(buffer, length) }.to_vec();
    // SAFETY: the buffer is ours, `length` bytes long, and not used again; `OPENSSL_free` wipes it before freeing.
    unsafe { c::OPENSSL_free(buffer.cast()) };
    Some(copy)
}

fn bytes(slice: &[u8]) -> c::CBS {
    c::CBS { data: slice.as_ptr(), len: slice.len() }
}

/// The library's error queue is per thread; what failed here is no one else's business.
fn clear_errors() {
    // SAFETY: takes nothing and touches only this thread's queue.
    unsafe { c::ERR_clear_error() }
}
