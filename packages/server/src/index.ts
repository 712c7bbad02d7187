/** The server as a library: what the command line starts. */
export { loadConfig, type Config, type ConfigSources } from './app/config.ts';
export { createPlatform, type Platform } from './app/create-platform.ts';
export type { PlatformServices } from './app/create-services.ts';
export { diagnose, type Diagnosis } from './app/diagnose.ts';
export { backup, migrateToDatabase, restore, type MoveReport } from './app/storage/move-data.ts';
