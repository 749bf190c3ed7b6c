//! A few connections that only read, opened as they are needed and lent one read at a time.

use std::sync::{Mutex, PoisonError};

use agentforge_core::{context::CallContext, error::Result};
use sqlx::{
    ConnectOptions, Connection, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteRow},
};
use tokio::sync::Semaphore;

use super::{
    error::{closed, translate},
    run,
};
use crate::sql::template::Statement;

pub(super) struct Readers {
    options: SqliteConnectOptions,
    idle: Mutex<Vec<SqliteConnection>>,
    permits: Semaphore,
    limit: u32,
}

impl Readers {
    pub(super) fn new(options: SqliteConnectOptions, limit: u32) -> Self {
        let limit = limit.max(1);
        let permits = Semaphore::new(limit as usize);
        Self { options, idle: Mutex::default(), permits, limit }
    }

    /// Every row of a statement.
    pub(super) async fn all(&self, cx: &CallContext, statement: Statement) -> Result<Vec<SqliteRow>> {
        cx.run(async {
            let _permit = self.permits.acquire().await.map_err(|_| closed())?;
            let mut connection = self.connection().await?;
            let rows = run::all(&mut connection, statement).await.map_err(translate)?;
            self.give_back(connection);
            Ok(rows)
        })
        .await
    }

    /// The first row of a statement, if there is one.
    pub(super) async fn first(&self, cx: &CallContext, statement: Statement) -> Result<Option<SqliteRow>> {
        cx.run(async {
            let _permit = self.permits.acquire().await.map_err(|_| closed())?;
            let mut connection = self.connection().await?;
            let row = run::first(&mut connection, statement).await.map_err(translate)?;
            self.give_back(connection);
            Ok(row)
        })
        .await
    }

    /// A connection for reads that belong together, beside those that are lent.
    pub(super) async fn own(&self, cx: &CallContext) -> Result<SqliteConnection> {
        if self.permits.is_closed() {
            return Err(closed());
        }
        cx.run(async { self.options.connect().await.map_err(translate) }).await
    }

    /// A connection of one's own. One that is not given back, because its read failed or was dropped, is closed by
    /// its driver; the next read opens another.
    async fn connection(&self) -> Result<SqliteConnection> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match idle {
            Some(connection) => Ok(connection),
            None => self.options.connect().await.map_err(translate),
        }
    }

    fn give_back(&self, connection: SqliteConnection) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }

    /// Waits for the reads that go on, refuses later ones, and closes every connection.
    pub(super) async fn close(&self) {
        if let Ok(all) = self.permits.acquire_many(self.limit).await {
            all.forget();
        }
        self.permits.close();
        let idle = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        for connection in idle {
            // Nothing was written through it, so nothing can be lost.
            let _ = connection.close().await;
        }
    }
}
