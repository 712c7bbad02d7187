/** Cuts a log line that is over its limit, and says so in the words of the Appwrite contract. `limit` in UTF-16 units. */
export function cutLogLine(text: string, limit: number): string {
  if (text.length <= limit) return text;
  return `${text.slice(0, limit).toWellFormed()}... Log truncated due to size limit (${limit} characters)`;
}
