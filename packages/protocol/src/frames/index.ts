export * from './frame-reader.ts';
export * from './frame-types.ts';
export * from './frame-writer.ts';
export * from './heads.ts';
export * from './messages.ts';
export * from './stream-credit.ts';
export * from './worker-messages.ts';
export * from './received-body.ts';
