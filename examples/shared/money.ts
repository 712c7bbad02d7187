/** Money in minor units (cents), so that sums are exact; formatted only for people. */
export function formatMoney(cents: number, currency = 'EUR'): string {
  return new Intl.NumberFormat('en', { style: 'currency', currency, currencyDisplay: 'code' }).format(cents / 100);
}
