/** Milliseconds since 1970 by the clock of a PostgreSQL database, which all its servers share. */
export const DATABASE_NOW = '(extract(epoch from clock_timestamp()) * 1000)::float8';
