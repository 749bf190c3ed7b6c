//! The thinnest possible layer between SQLite and its own access to files, which tells a [`Disk`] what is done.
//!
//! SQLite calls it through C function pointers, which is what the `unsafe` here is for; nothing else in this project's
//! tests is. It forwards every call to the system's own layer, including the shared memory of the log.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "trials are tests, which the lints cannot tell without the built-in harness"
)]
#![allow(unsafe_code, reason = "SQLite's layer over files is a table of C functions")]

use std::{
    ffi::{CStr, OsStr, c_char, c_int, c_void},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    ptr,
    sync::OnceLock,
};

use libsqlite3_sys as sqlite;

use super::disk::{Disk, Verdict};

/// A file as SQLite sees it: this, and behind it in the same piece of memory the system's own.
#[repr(C)]
struct File {
    methods: *const sqlite::sqlite3_io_methods,
    /// The number that the disk knows the file by; negative for one that does not matter.
    number: i64,
}

struct Layer {
    disk: &'static Disk,
    system: *mut sqlite::sqlite3_vfs,
    open_folder: OpenFolder,
}

// SAFETY: SQLite never changes nor frees its own layer, and allows calls into it from every thread.
unsafe impl Send for Layer {}
// SAFETY: as above.
unsafe impl Sync for Layer {}

type OpenFolder = unsafe extern "C" fn(*const c_char, *mut c_int) -> c_int;

static LAYER: OnceLock<Layer> = OnceLock::new();

/// Makes the layer the one that every connection of this process uses from now on.
pub(crate) fn register() -> &'static Disk {
    let layer = LAYER.get_or_init(|| {
        let disk = Box::leak(Box::default());
        // SAFETY: the names are C strings that live for ever; `system` is SQLite's own layer, which is never freed, and
        // its functions are called with it as their first argument, as they demand. `openDirectory` has the type
        // `OpenFolder` in every version of SQLite that knows it.
        unsafe {
            let system = sqlite::sqlite3_vfs_find(ptr::null());
            let (get, set) = ((*system).xGetSystemCall.unwrap(), (*system).xSetSystemCall.unwrap());
            let name = c"openDirectory".as_ptr();
            let original = get(system, name);
            let open_folder =
                std::mem::transmute::<sqlite::sqlite3_syscall_ptr, Option<OpenFolder>>(original);
            let ours = std::mem::transmute::<OpenFolder, unsafe extern "C" fn()>(open_folder_and_tell);
            assert_eq!(set(system, name, Some(ours)), sqlite::SQLITE_OK);
            Layer { disk, system, open_folder: open_folder.unwrap() }
        }
    });
    // SAFETY: the copy keeps the functions of the system's layer, which use only the fields that were copied with them;
    // it lives for ever, as SQLite demands of a layer that is registered.
    unsafe {
        let mut ours = *layer.system;
        ours.pNext = ptr::null_mut();
        ours.zName = c"agentforge-disk".as_ptr();
        ours.szOsFile += c_int::try_from(size_of::<File>()).unwrap();
        ours.xOpen = Some(open);
        ours.xDelete = Some(delete);
        assert_eq!(sqlite::sqlite3_vfs_register(Box::leak(Box::new(ours)), 1), sqlite::SQLITE_OK);
    }
    layer.disk
}

fn layer() -> &'static Layer {
    LAYER.get().expect("the layer is set before it is registered")
}

static METHODS: sqlite::sqlite3_io_methods = sqlite::sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    // Memory-mapped pages would pass the disk by; version 2 says that there are none.
    xFetch: None,
    xUnfetch: None,
};

/// The system's own file behind ours.
///
/// # Safety
/// `file` was opened by [`open`].
unsafe fn system(file: *mut sqlite::sqlite3_file) -> *mut sqlite::sqlite3_file {
    // SAFETY: `register` told SQLite to leave room for both.
    unsafe { file.cast::<u8>().add(size_of::<File>()).cast() }
}

/// # Safety
/// `name` is null or a C string.
unsafe fn path(name: *const c_char) -> Option<PathBuf> {
    // SAFETY: as the caller promises.
    let name = (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) })?;
    Some(PathBuf::from(OsStr::from_bytes(name.to_bytes())))
}

unsafe extern "C" fn open(
    _vfs: *mut sqlite::sqlite3_vfs,
    name: *const c_char,
    file: *mut sqlite::sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    const WATCHED: c_int =
        sqlite::SQLITE_OPEN_MAIN_DB | sqlite::SQLITE_OPEN_WAL | sqlite::SQLITE_OPEN_MAIN_JOURNAL;
    let layer = layer();
    // SAFETY: SQLite gives a path or null, and memory for both files.
    unsafe {
        let path = path(name).filter(|_| flags & WATCHED != 0);
        let existed = path.as_deref().is_some_and(Path::exists);
        let ours = file.cast::<File>();
        (*ours).methods = ptr::null();
        let opened = (*layer.system).xOpen.unwrap()(layer.system, name, system(file), flags, out);
        if opened == sqlite::SQLITE_OK {
            (*ours).methods = &raw const METHODS;
            (*ours).number = path.map_or(-1, |path| layer.disk.open(&path, existed).cast_signed());
        }
        opened
    }
}

unsafe extern "C" fn delete(_vfs: *mut sqlite::sqlite3_vfs, name: *const c_char, sync: c_int) -> c_int {
    let layer = layer();
    // SAFETY: SQLite gives a path.
    unsafe {
        if let Some(path) = path(name) {
            layer.disk.delete(&path);
        }
        (*layer.system).xDelete.unwrap()(layer.system, name, sync)
    }
}

/// The system's layer opens a folder only to sync it.
unsafe extern "C" fn open_folder_and_tell(name: *const c_char, descriptor: *mut c_int) -> c_int {
    let layer = layer();
    // SAFETY: the arguments are passed on as they came.
    let (opened, path) = unsafe { ((layer.open_folder)(name, descriptor), path(name)) };
    if let Some(folder) = path.as_deref().and_then(Path::parent) {
        layer.disk.sync_folder(folder);
    }
    opened
}

/// Asks the disk about a file that matters.
///
/// # Safety
/// `file` was opened by [`open`].
unsafe fn ask(file: *mut sqlite::sqlite3_file, ask: impl FnOnce(&Disk, u64) -> Verdict) -> Verdict {
    // SAFETY: as the caller promises.
    match u64::try_from(unsafe { (*file.cast::<File>()).number }) {
        Ok(number) => ask(layer().disk, number),
        Err(_) => Ok(()),
    }
}

unsafe extern "C" fn write(
    file: *mut sqlite::sqlite3_file,
    bytes: *const c_void,
    length: c_int,
    at: sqlite::sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite gives a file that was opened here and as many bytes as it says.
    unsafe {
        let written = std::slice::from_raw_parts(bytes.cast::<u8>(), usize::try_from(length).unwrap());
        match ask(file, |disk, number| disk.write(number, at.cast_unsigned(), written)) {
            Ok(()) => {
                let file = system(file);
                (*(*file).pMethods).xWrite.unwrap()(file, bytes, length, at)
            }
            Err(code) => code,
        }
    }
}

unsafe extern "C" fn truncate(file: *mut sqlite::sqlite3_file, length: sqlite::sqlite3_int64) -> c_int {
    // SAFETY: SQLite gives a file that was opened here.
    unsafe {
        match ask(file, |disk, number| disk.truncate(number, length.cast_unsigned())) {
            Ok(()) => {
                let file = system(file);
                (*(*file).pMethods).xTruncate.unwrap()(file, length)
            }
            Err(code) => code,
        }
    }
}

unsafe extern "C" fn sync(file: *mut sqlite::sqlite3_file, flags: c_int) -> c_int {
    // SAFETY: SQLite gives a file that was opened here.
    unsafe {
        match ask(file, Disk::sync) {
            Ok(()) => {
                let file = system(file);
                (*(*file).pMethods).xSync.unwrap()(file, flags)
            }
            Err(code) => code,
        }
    }
}

/// Functions that only pass on what they are given.
macro_rules! forward {
    ($($name:ident => $method:ident($($argument:ident: $type:ty),*) $(-> $out:ty)?;)*) => {
        $(unsafe extern "C" fn $name(file: *mut sqlite::sqlite3_file $(, $argument: $type)*) $(-> $out)? {
            // SAFETY: SQLite gives a file that was opened here, and the arguments are passed on as they came.
            unsafe {
                let file = system(file);
                (*(*file).pMethods).$method.unwrap()(file $(, $argument)*)
            }
        })*
    };
}

forward! {
    close => xClose() -> c_int;
    read => xRead(into: *mut c_void, length: c_int, at: sqlite::sqlite3_int64) -> c_int;
    file_size => xFileSize(size: *mut sqlite::sqlite3_int64) -> c_int;
    lock => xLock(level: c_int) -> c_int;
    unlock => xUnlock(level: c_int) -> c_int;
    check_reserved_lock => xCheckReservedLock(held: *mut c_int) -> c_int;
    file_control => xFileControl(operation: c_int, argument: *mut c_void) -> c_int;
    sector_size => xSectorSize() -> c_int;
    device_characteristics => xDeviceCharacteristics() -> c_int;
    shm_map => xShmMap(page: c_int, size: c_int, extend: c_int, out: *mut *mut c_void) -> c_int;
    shm_lock => xShmLock(offset: c_int, count: c_int, flags: c_int) -> c_int;
    shm_barrier => xShmBarrier();
    shm_unmap => xShmUnmap(delete: c_int) -> c_int;
}
