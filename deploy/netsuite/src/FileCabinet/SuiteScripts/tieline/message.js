/**
 * What is told of a changed record, how it is signed, and what an answer means. Pure: it calls
 * nothing of NetSuite, so that it runs anywhere.
 *
 * @NApiVersion 2.1
 * @NModuleScope SameAccount
 */
define([], () => {
  const TYPE = 'record.changed';
  const RECORDS = {
    CustInvc: 'invoice',
    CustPymt: 'customerpayment',
    CustCred: 'creditmemo',
    SalesOrd: 'salesorder',
  };
  const SETTLING = ['customerpayment', 'creditmemo'];
  const ATTEMPTS_MAX = 30;
  const PAUSE_SECONDS_MAX = 6 * 3600;
  // Two changes within one second have the same stamp: it is told once it is over.
  const SETTLE_SECONDS = 2;
  const TRY_AGAIN = [408, 425, 429];

  /** Whether changes of this record are told as changes of the invoices it is applied to. */
  const isSettling = (record) => SETTLING.includes(record);

  /** The id of a message: the same for the same version of the record. */
  const eventId = (change) =>
    ['ns', change.record, change.id, change.lastmodified, change.invoice]
      .filter((part) => part)
      .join(':');

  /** The body of a message; `change` is {record, id, lastmodified, environment, account, invoice}. */
  const body = (change) => {
    const told = {
      type: TYPE,
      record: change.record,
      id: String(change.id),
      lastmodified: change.lastmodified,
      environment: change.environment,
      account: change.account,
    };
    if (isSettling(change.record)) told.invoice = String(change.invoice);
    return JSON.stringify(told);
  };

  /**
   * A message ready to be posted: {id, body, headers}. `hmac(text)` is the HMAC-SHA256 of a text
   * under the shared secret, in base64 (Standard Webhooks).
   */
  const signed = (change, nowSeconds, hmac) => {
    const id = eventId(change);
    const text = body(change);
    const stamp = String(Math.floor(nowSeconds));
    return {
      id,
      body: text,
      headers: {
        'Content-Type': 'application/json',
        'webhook-id': id,
        'webhook-timestamp': stamp,
        'webhook-signature': `v1,${hmac(`${id}.${stamp}.${text}`)}`,
      },
    };
  };

  /** The changes that one row of the outbox stands for: one a record, or one an invoice. */
  const changesOf = (row, place) => {
    const change = { record: row.record, id: row.id, lastmodified: row.lastmodified, ...place };
    if (!isSettling(row.record)) return [change];
    return row.invoices.map((invoice) => ({ ...change, invoice }));
  };

  /** What a save leaves in the outbox: {record, id, invoices} each, and nothing for the rest. */
  const rowsOf = (save) => {
    const invoices = [...new Set([...(save.before || []), ...(save.after || [])].map(String))];
    if (!isSettling(save.record)) {
      return save.deleted ? [] : [{ record: save.record, id: String(save.id), invoices: [] }];
    }
    if (invoices.length === 0) return [];
    // A deleted payment is gone, but the invoices that it had paid are open again.
    if (save.deleted) return invoices.map((id) => ({ record: 'invoice', id, invoices: [] }));
    return [{ record: save.record, id: String(save.id), invoices }];
  };

  /** Whether the second of a change is over, so that nothing more can happen under its stamp. */
  const isSettled = (lastmodified, nowSeconds) =>
    Date.parse(lastmodified) / 1000 + SETTLE_SECONDS <= nowSeconds;

  /** What an HTTP status means: 'done', 'again' or 'refused'. */
  const outcome = (status) => {
    if (status >= 200 && status < 300) return 'done';
    if (status >= 400 && status < 500 && !TRY_AGAIN.includes(status)) return 'refused';
    return 'again';
  };

  /** The worst of several outcomes decides on the row that they belong to. */
  const worst = (outcomes) =>
    ['again', 'refused', 'done'].find((name) => outcomes.includes(name)) || 'done';

  /** When to try again, in seconds since 1970, after so many attempts; null: give up. */
  const nextTry = (attempts, nowSeconds) => {
    if (attempts >= ATTEMPTS_MAX) return null;
    return Math.floor(nowSeconds) + Math.min(PAUSE_SECONDS_MAX, 60 * 2 ** (attempts - 1));
  };

  return {
    RECORDS,
    isSettling,
    eventId,
    body,
    signed,
    changesOf,
    rowsOf,
    isSettled,
    outcome,
    worst,
    nextTry,
  };
});
