//! The caller's memory: read once, checked, and written only where the caller said there is room.
//!
//! INVARIANT (hostile): nothing is read through a pointer before it was found not null and aligned, its length within bounds, and, of a
//! structure, its size one that this version knows. Everything after works on copies or on slices made here.

#![expect(clippy::inline_always, reason = "an answer is built where it goes; calls would copy it once more")]

use crate::codes::{HAOYUAN_BATCH_MAX, HAOYUAN_TEXT_BYTES_MAX};
use crate::here::set_error;
use crate::status::Status;
use crate::types::Struct;
use haoyuan::said::Said;
use std::ffi::c_char;
use std::mem::MaybeUninit;

/// No structure is larger, whatever version: what is beyond is a wild size.
const STRUCT_SIZE_MAX: usize = 4096;

/// An argument that is out of range, by its name; what is wrong with it in English and in Chinese.
#[cold]
pub(crate) fn wrong(name: &str, en: &str, zh: &str) -> Status {
    set_error(Said { en: format!("`{name}` {en}"), zh: format!("`{name}` {zh}") });
    Status::InvalidArgument
}

fn check_pointer<T>(pointer: *const T) -> Result<(), Status> {
    if pointer.is_null() {
        return Err(Status::NullPointer);
    }
    if !pointer.is_aligned() {
        return Err(wrong("pointer", "is not aligned as its type demands", "未按其类型对齐"));
    }
    Ok(())
}

/// The `struct_size` of a structure, if this version can read or write it.
///
/// # Safety
/// Not null means: points to at least four readable bytes.
#[inline(always)]
pub(crate) unsafe fn size_of_struct<T: Struct>(pointer: *const T) -> Result<usize, Status> {
    check_pointer(pointer)?;
    // SAFETY: the caller's duty (README, "Structures"): the pointer, which is not null and aligned, points to a structure, and that begins
    // with its size.
    let size = unsafe { pointer.cast::<u32>().read() } as usize;
    if size == size_of::<T>()
        || (size >= T::FIRST_SIZE && size <= STRUCT_SIZE_MAX && size % align_of::<T>() == 0)
    {
        Ok(size)
    } else {
        Err(Status::StructSize)
    }
}

/// Reads a structure of the caller's version: fields that the caller does not have are zero, fields that this version does not have
/// must be.
///
/// # Safety
/// Not null means: points to as many readable bytes as its `struct_size` says, which nobody writes during the call.
pub(crate) unsafe fn read<T: Struct>(pointer: *const T) -> Result<T, Status> {
    // SAFETY: the same duty.
    let size = unsafe { size_of_struct(pointer) }?;
    // SAFETY: the same duty, and the size is one that was checked.
    unsafe { read_sized(pointer, size) }
}

/// The same, of a size that was found before.
///
/// # Safety
/// `pointer` is aligned and points to `size` readable bytes, which nobody writes during the call; `size` came from `size_of_struct`.
pub(crate) unsafe fn read_sized<T: Struct>(pointer: *const T, size: usize) -> Result<T, Status> {
    if size == size_of::<T>() {
        // SAFETY: the caller's duty; any bytes are a value of `T` (`Struct`).
        return Ok(unsafe { pointer.read() });
    }
    // SAFETY: the caller's duty.
    let bytes = unsafe { std::slice::from_raw_parts(pointer.cast::<u8>(), size) };
    let known = size.min(size_of::<T>());
    if bytes[known..].iter().any(|byte| *byte != 0) {
        return Err(Status::StructSize);
    }
    let mut value = MaybeUninit::<T>::zeroed();
    // SAFETY: `known` bytes are readable at the one and writable at the other, which is a value of this function's own.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), value.as_mut_ptr().cast::<u8>(), known) };
    // SAFETY: zeroed, then partly overwritten; any bytes are a value of `T` (`Struct`).
    Ok(unsafe { value.assume_init() })
}

/// Where one structure of the caller's goes.
pub(crate) struct Out<T: Struct> {
    pointer: *mut T,
    size: usize,
}

impl<T: Struct> Out<T> {
    /// # Safety
    /// Not null means: points to as many writable bytes as its `struct_size` says, and nobody else uses them during the call.
    #[inline(always)]
    pub(crate) unsafe fn new(pointer: *mut T) -> Result<Self, Status> {
        // SAFETY: the same duty.
        let size = unsafe { size_of_struct(pointer.cast_const()) }?;
        Ok(Self { pointer, size })
    }

    /// Writes a value, whose `struct_size` is this version's; the caller's stays. Fields that the value does not have become zero.
    #[inline(always)]
    pub(crate) fn write(&self, value: T) {
        if self.size == size_of::<T>() {
            // SAFETY: the duty of `new`: so many bytes are writable and aligned.
            unsafe { self.pointer.write(value) };
        } else {
            self.write_sized(&value);
        }
    }

    #[cold]
    fn write_sized(&self, value: &T) {
        let known = self.size.min(size_of::<T>());
        // SAFETY: the duty of `new`: `size` bytes are writable, and `known` is not more.
        unsafe {
            std::ptr::copy_nonoverlapping(
                std::ptr::from_ref(value).cast::<u8>(),
                self.pointer.cast::<u8>(),
                known,
            );
        };
        // SAFETY: as above; `known` is at most `size`.
        let rest = unsafe { self.pointer.cast::<u8>().add(known) };
        // SAFETY: as above; from `known` to `size`.
        unsafe { rest.write_bytes(0, self.size - known) };
        #[expect(clippy::cast_possible_truncation, reason = "at most 4096")]
        let size = self.size as u32;
        // SAFETY: as above; every structure begins with its size.
        unsafe { self.pointer.cast::<u32>().write(size) };
    }

    /// Whether it is of this version.
    #[inline(always)]
    pub(crate) const fn is_exact(&self) -> bool {
        self.size == size_of::<T>()
    }

    #[inline(always)]
    pub(crate) const fn pointer(&self) -> *mut T {
        self.pointer
    }

    /// Zeroes all but `struct_size`.
    pub(crate) fn clear(&self) {
        // SAFETY: the duty of `new`: `size` bytes are writable, and the first four are the size.
        let behind = unsafe { self.pointer.cast::<u8>().add(4) };
        // SAFETY: as above.
        unsafe { behind.write_bytes(0, self.size - 4) };
    }
}

/// The structures of a batch: all of the caller's version.
pub(crate) struct Structs<T: Struct> {
    pointer: *const T,
    size: usize,
    count: usize,
}

impl<T: Struct> Structs<T> {
    /// # Safety
    /// Not null means: points to `count` structures, each as long as the first one's `struct_size` says.
    pub(crate) unsafe fn new(pointer: *const T, count: usize) -> Result<Self, Status> {
        // SAFETY: the same duty.
        let size = unsafe { sizes(pointer, count) }?;
        Ok(Self { pointer, size, count })
    }

    /// Where the element is.
    #[inline(always)]
    pub(crate) fn at(&self, index: usize) -> *const T {
        debug_assert!(index < self.count);
        // SAFETY: the duty of `new`; the index is below the count.
        unsafe { self.pointer.byte_add(index * self.size) }
    }

    /// A copy of the element.
    pub(crate) fn read(&self, index: usize) -> Result<T, Status> {
        // SAFETY: the duty of `new`; that the size is one of this version's was checked by `sizes`.
        unsafe { read_sized(self.at(index), self.size) }
    }

    pub(crate) const fn size(&self) -> usize {
        self.size
    }

    /// Whether the elements are of this version.
    pub(crate) const fn is_exact(&self) -> bool {
        self.size == size_of::<T>()
    }
}

/// Where the answers of a batch go.
pub(crate) struct Outs<T: Struct> {
    pointer: *mut T,
    size: usize,
    count: usize,
}

impl<T: Struct> Outs<T> {
    /// # Safety
    /// Not null means: points to `count` writable structures, each as long as the first one's `struct_size` says; nobody else uses them
    /// during the call.
    pub(crate) unsafe fn new(pointer: *mut T, count: usize) -> Result<Self, Status> {
        // SAFETY: the same duty.
        let size = unsafe { sizes(pointer.cast_const(), count) }?;
        Ok(Self { pointer, size, count })
    }

    #[inline(always)]
    pub(crate) fn at(&self, index: usize) -> Out<T> {
        debug_assert!(index < self.count);
        // SAFETY: the duty of `new`; the index is below the count.
        Out { pointer: unsafe { self.pointer.byte_add(index * self.size) }, size: self.size }
    }

    /// Whether the elements are of this version.
    pub(crate) const fn is_exact(&self) -> bool {
        self.size == size_of::<T>()
    }

    pub(crate) fn clear(&self) {
        for index in 0..self.count {
            self.at(index).clear();
        }
    }
}

/// The one size of all structures of an array. Nothing of an empty array is looked at.
///
/// # Safety
/// Not null means: points to `count` structures, each as long as the first one's `struct_size` says.
unsafe fn sizes<T: Struct>(pointer: *const T, count: usize) -> Result<usize, Status> {
    if count == 0 {
        return Ok(size_of::<T>());
    }
    if count > HAOYUAN_BATCH_MAX as usize {
        return Err(Status::InvalidLength);
    }
    // SAFETY: the same duty: there is a first one.
    let size = unsafe { size_of_struct(pointer) }?;
    for index in 1..count {
        // SAFETY: the same duty; the index is below the count.
        let element = unsafe { pointer.byte_add(index * size) };
        // SAFETY: as above; every structure begins with its size.
        if unsafe { element.cast::<u32>().read() } as usize != size {
            return Err(Status::StructSize);
        }
    }
    Ok(size)
}

/// A text of the caller's; empty if it is null and 0 long.
///
/// # Safety
/// Not null means: points to `length` readable bytes, which nobody writes during the call.
pub(crate) unsafe fn text<'a>(pointer: *const c_char, length: usize) -> Result<&'a str, Status> {
    if length == 0 {
        return Ok("");
    }
    if length > HAOYUAN_TEXT_BYTES_MAX as usize {
        return Err(Status::InvalidLength);
    }
    if pointer.is_null() {
        return Err(Status::NullPointer);
    }
    // SAFETY: the caller's duty (README, "Texts"): `length` readable bytes, which stay as they are during the call.
    let bytes = unsafe { std::slice::from_raw_parts(pointer.cast::<u8>(), length) };
    std::str::from_utf8(bytes).map_err(|_| Status::InvalidUtf8)
}

/// The same where it is missing if it is null.
///
/// # Safety
/// As [`text`].
pub(crate) unsafe fn optional_text<'a>(
    pointer: *const c_char,
    length: usize,
) -> Result<Option<&'a str>, Status> {
    if pointer.is_null() && length == 0 {
        return Ok(None);
    }
    // SAFETY: the same duty.
    unsafe { text(pointer, length) }.map(Some)
}

/// A plain number of the caller's that an answer goes to.
pub(crate) struct Number<T: Copy>(*mut T);

impl<T: Copy + Default> Number<T> {
    /// Clears it.
    ///
    /// # Safety
    /// Not null means: points to a writable `T` that nobody else uses during the call.
    pub(crate) unsafe fn new(pointer: *mut T) -> Result<Self, Status> {
        check_pointer(pointer.cast_const())?;
        // SAFETY: the caller's duty; not null and aligned.
        unsafe { pointer.write(T::default()) };
        Ok(Self(pointer))
    }

    pub(crate) fn set(&self, value: T) {
        // SAFETY: the duty of `new`.
        unsafe { self.0.write(value) };
    }
}

/// A number of which any bytes are a value.
pub(crate) trait Plain: Copy {}

impl Plain for u64 {}
impl Plain for i32 {}

/// Plain numbers of the caller's: the acknowledgements of a wait, the codes of an option.
///
/// # Safety
/// Not null means: points to `count` readable numbers, which nobody writes during the call.
pub(crate) unsafe fn numbers<'a, N: Plain>(pointer: *const N, count: usize) -> Result<&'a [N], Status> {
    if count == 0 {
        return Ok(&[]);
    }
    if count > HAOYUAN_BATCH_MAX as usize {
        return Err(Status::InvalidLength);
    }
    check_pointer(pointer)?;
    // SAFETY: the caller's duty; not null, aligned, and not longer than can be.
    Ok(unsafe { std::slice::from_raw_parts(pointer, count) })
}

/// A buffer of the caller's for a text or list, and where the length goes.
pub(crate) struct Buffer {
    pointer: *mut u8,
    capacity: usize,
    needed: Number<usize>,
}

impl Buffer {
    /// # Safety
    /// `buffer` is null with capacity 0, or points to `capacity` writable bytes; `needed`, if not null, to a writable number; nobody else
    /// uses them during the call.
    pub(crate) unsafe fn new(
        buffer: *mut c_char,
        capacity: usize,
        needed: *mut usize,
    ) -> Result<Self, Status> {
        // SAFETY: the same duty.
        let needed = unsafe { Number::new(needed) }?;
        if capacity > isize::MAX.unsigned_abs() {
            return Err(Status::InvalidLength);
        }
        if buffer.is_null() && capacity > 0 {
            return Err(Status::NullPointer);
        }
        Ok(Self { pointer: buffer.cast::<u8>(), capacity, needed })
    }

    /// Writes the text and its length; a NUL behind it where there is room, for C's sake. Without room for the text only the length.
    pub(crate) fn write(&self, text: &str) -> Result<i32, Status> {
        self.needed.set(text.len());
        if text.len() > self.capacity {
            return Err(Status::BufferTooSmall);
        }
        if !text.is_empty() {
            // SAFETY: the duty of `new`: so many bytes are writable, and they are not the library's own.
            unsafe { std::ptr::copy_nonoverlapping(text.as_ptr(), self.pointer, text.len()) };
        }
        if text.len() < self.capacity {
            // SAFETY: as above; one byte more is writable.
            let end = unsafe { self.pointer.add(text.len()) };
            // SAFETY: as above.
            unsafe { end.write(0) };
        }
        Ok(Status::Ok.number())
    }
}
