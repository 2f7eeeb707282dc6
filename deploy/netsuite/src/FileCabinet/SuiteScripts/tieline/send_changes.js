/**
 * Posts what is in the outbox, signed; deletes what was taken and tries again what was not.
 *
 * @NApiVersion 2.1
 * @NScriptType MapReduceScript
 * @NModuleScope SameAccount
 */
define(
  ['N/crypto', 'N/encode', 'N/https', 'N/log', 'N/query', 'N/record', 'N/runtime', './message'],
  (crypto, encode, https, log, query, record, runtime, message) => {
    const OUTBOX = 'customrecord_tieline_outbox';
    const DUE = `
      SELECT id, custrecord_tieline_record AS recordtype, custrecord_tieline_internalid AS internalid,
             custrecord_tieline_invoices AS invoices, custrecord_tieline_attempts AS attempts
      FROM ${OUTBOX}
      WHERE custrecord_tieline_next IS NOT NULL AND custrecord_tieline_next <= ?
      ORDER BY id`;
    // The very expression that Tieline's poll uses: a change has one stamp, whoever tells it.
    const CHANGED = `
      SELECT TO_CHAR(SYS_EXTRACT_UTC(lastmodifieddate), 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS changed
      FROM transaction WHERE id = ?`;

    const nowSeconds = () => Date.now() / 1000;

    const ask = (sql, params) => query.runSuiteQL({ query: sql, params }).asMappedResults();

    const parameter = (name) => runtime.getCurrentScript().getParameter({ name });

    /** At most 5,000 rows, which is what one query gives; the next run takes the rest. */
    const getInputData = () => ask(DUE, [Math.floor(nowSeconds())]);

    const hmacWith = (secretId) => {
      const key = crypto.createSecretKey({ secret: secretId, encoding: encode.Encoding.UTF_8 });
      return (text) => {
        const hmac = crypto.createHmac({ algorithm: crypto.HashAlg.SHA256, key });
        hmac.update({ input: text, inputEncoding: encode.Encoding.UTF_8 });
        return hmac.digest({ outputEncoding: encode.Encoding.BASE_64 });
      };
    };

    const place = () => ({
      environment: runtime.envType === runtime.EnvType.PRODUCTION ? 'live' : 'test',
      account: runtime.accountId,
    });

    const post = (told) => {
      try {
        const url = parameter('custscript_tieline_url');
        return https.post({ url, body: told.body, headers: told.headers }).code;
      } catch (error) {
        // No connection, a timeout, a certificate: 0 is no status that anybody answers.
        log.error({ title: 'Tieline: not reached', details: error.name });
        return 0;
      }
    };

    const settle = (entry, result, status) => {
      if (result === 'done') {
        record.delete({ type: OUTBOX, id: entry.id });
        return;
      }
      const attempts = Number(entry.attempts || 0) + 1;
      const next = result === 'again' ? message.nextTry(attempts, nowSeconds()) : null;
      // A row without a next try is kept for a person to look at.
      record.submitFields({
        type: OUTBOX,
        id: entry.id,
        values: {
          custrecord_tieline_attempts: attempts,
          custrecord_tieline_next: next === null ? '' : next,
          custrecord_tieline_status: status,
        },
      });
      if (next === null) {
        log.error({ title: `Tieline: row ${entry.id} given up`, details: `status ${status}` });
      }
    };

    const map = (context) => {
      const entry = JSON.parse(context.value);
      const [found] = ask(CHANGED, [entry.internalid]);
      if (!found) {
        // Deleted since: there is nothing that could be read again.
        record.delete({ type: OUTBOX, id: entry.id });
        return;
      }
      if (!message.isSettled(found.changed, nowSeconds())) return;
      const row = {
        record: entry.recordtype,
        id: entry.internalid,
        lastmodified: found.changed,
        invoices: JSON.parse(entry.invoices || '[]'),
      };
      const hmac = hmacWith(parameter('custscript_tieline_secret'));
      const statuses = message
        .changesOf(row, place())
        .map((change) => post(message.signed(change, nowSeconds(), hmac)));
      const outcomes = statuses.map(message.outcome);
      const result = message.worst(outcomes);
      settle(entry, result, statuses[outcomes.indexOf(result)]);
    };

    const summarize = (summary) => {
      summary.mapSummary.errors.iterator().each((key) => {
        log.error({ title: 'Tieline: row failed', details: key });
        return true;
      });
    };

    return { getInputData, map, summarize };
  },
);
