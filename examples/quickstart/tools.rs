//! Two tools of an imaginary HR system: one that reads and one that books.

use std::{fs, io::ErrorKind, path::PathBuf, sync::OnceLock};

use agentforge::{
    CallContext, Error,
    serde_json::{Value, json},
    tool,
};

/// Where bookings are kept: one file each, named by the key of the call, so that a call that is made twice books once.
pub(crate) static LEDGER: OnceLock<PathBuf> = OnceLock::new();

/// Looks up how many days of leave an employee has left this year.
#[tool(read_only, requires = "tools:read")]
pub(crate) fn leave_balance(
    /// The employee's first name.
    employee: String,
) -> Result<Value, String> {
    let days_left = match employee.to_lowercase().as_str() {
        "dana" => 14,
        "robin" => 3,
        "kim" => 28,
        _ => return Err(format!("there is no employee `{employee}`; there are Dana, Robin and Kim")),
    };
    Ok(json!({ "employee": employee, "days_left": days_left }))
}

/// Books days of leave for an employee.
#[tool(writes, idempotent, requires = "tools:read")]
pub(crate) fn book_leave(
    cx: &CallContext,
    /// The employee's first name.
    employee: String,
    /// The first day, as YYYY-MM-DD.
    from: String,
    /// How many working days.
    days: u32,
) -> Result<Value, Error> {
    let folder = LEDGER.get().ok_or_else(|| Error::internal("the ledger has no folder"))?;
    let key = cx.idempotency_key().ok_or_else(|| Error::internal("the call has no idempotency key"))?;
    let booking = json!({ "employee": employee, "from": from, "days": days });
    let written = fs::create_dir_all(folder).and_then(|()| {
        let draft = folder.join(format!("{key}.draft"));
        fs::write(&draft, format!("{booking}\n"))?;
        // A link is made whole or not at all, and never over another: whoever comes second finds the first booking.
        fs::hard_link(&draft, folder.join(format!("{key}.json"))).and(fs::remove_file(&draft))
    });
    match written {
        Ok(()) => Ok(booking),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(booking),
        Err(error) => {
            Err(Error::new(agentforge::ErrorKind::Transport, "the booking cannot be written")
                .caused_by(error))
        }
    }
}

/// How many bookings there are.
pub(crate) fn bookings() -> usize {
    let Some(folder) = LEDGER.get() else { return 0 };
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries
        .flatten()
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "json"))
        .count()
}
