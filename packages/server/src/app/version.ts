/** Version of the server, as answers show it. Raised with the packages; a test holds them together. */
export const VERSION = '0.1.0';
