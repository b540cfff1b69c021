// Answers of the real stack, taken by `npm run examples` (scripts/take-examples.ts): not written by hand.
// The hosts of pictures and webhooks are renamed: those of the run are on 127.0.0.1.

/** By operation and status. */
export const EXAMPLES: Readonly<Record<string, Readonly<Record<number, unknown>>>> = {
  listSamples: {
    "200": {
      samples: [
        {
          name: "pumpkin",
          label: "jack-o'-lantern",
          url: "/page/pumpkin.2e5ae67f3ec4.jpg",
        },
        {
          name: "balloon",
          label: "balloon",
          url: "/page/balloon.20515cc146ff.jpg",
        },
        {
          name: "football",
          label: "soccer ball",
          url: "/page/football.66e32122a250.jpg",
        },
        {
          name: "clock",
          label: "analog clock",
          url: "/page/clock.8f13fb42a4cb.jpg",
        },
        {
          name: "traffic-light",
          label: "traffic light",
          url: "/page/traffic-light.21c241df399d.jpg",
        },
        {
          name: "candle",
          label: "candle",
          url: "/page/candle.98e19d4c0ab9.jpg",
        },
        {
          name: "tennis-ball",
          label: "tennis ball",
          url: "/page/tennis-ball.20ca87a41ca9.jpg",
        },
        {
          name: "umbrella",
          label: "umbrella",
          url: "/page/umbrella.ad1a1955164e.jpg",
        },
      ],
    },
  },
  isAlive: {
    "200": {
      status: "ok",
    },
  },
  isReady: {
    "200": {
      status: "ready",
    },
  },
  listModels: {
    "200": {
      models: [
        {
          id: "efficientnet_lite0",
          name: "EfficientNet-Lite0",
          version: "78c3304b0805",
          input: {
            width: 224,
            height: 224,
          },
          labels: 1000,
          languages: [],
          classifiers: 1,
        },
      ],
      unserved: [],
    },
  },
  createClassification: {
    "200": {
      id: "cls_01m7zfkdaqc8ctzd2y9jnhwr8smv2a3hy07xp6p4yk",
      status: "succeeded",
      done: true,
      operation: "classify",
      model: {
        id: "efficientnet_lite0",
        version: "78c3304b0805",
      },
      created_at: "2026-11-21T16:39:00.183Z",
      started_at: "2026-11-21T16:39:00.183Z",
      attempts: 0,
      cached: true,
      image: {
        format: "jpeg",
        width: 256,
        height: 256,
        bytes: 4955,
        sha256: "571b5db0819b1c68b45bd295232f52acfdcd78b567982e2d992ee3a9eaae0132",
        orientation: 1,
      },
      predictions: [
        {
          label: "jack-o'-lantern",
          probability: 0.9547299742698669,
          class_index: 607,
        },
        {
          label: "lampshade",
          probability: 0.0006640411447733641,
          class_index: 619,
        },
        {
          label: "digital clock",
          probability: 0.0004956544144079089,
          class_index: 530,
        },
      ],
      finished_at: "2026-11-21T16:39:00.183Z",
      timings_ms: {
        queued: 0,
        total: 0,
      },
    },
    "202": {
      id: "cls_01m7zfkdcrjpj4d7a3w7jdf79ghxmdmryz6c1trbr4",
      status: "queued",
      done: false,
      operation: "classify",
      model: {
        id: "efficientnet_lite0",
      },
      created_at: "2026-11-21T16:39:00.248Z",
      attempts: 0,
      image: {
        format: "jpeg",
        width: 256,
        height: 256,
        bytes: 5408,
        sha256: "cfd5eca463395361072f1a625daff294dc23a7e9e882e73c71837a8ed6e9dc05",
        orientation: 1,
      },
      queue: {
        position: 0,
        eta_ms: 100,
        classifiers: 1,
      },
      poll_after_ms: 108,
    },
    "415": {
      type: "about:blank",
      title: "The body is not an image that can be read here",
      status: 415,
      code: "unsupported_image",
      detail: "Cannot read image: the body is not an image; send JPEG, PNG, WebP, AVIF, GIF or TIFF",
    },
    "422": {
      type: "about:blank",
      title: "No such model was ever served here",
      status: 422,
      code: "unknown_model",
      detail: 'Cannot classify: no model "nobody" was ever served here; there are efficientnet_lite0',
    },
  },
  readQueue: {
    "200": {
      depth: 0,
      bytes: 0,
      processing: 1,
      dead: 0,
      paused: false,
      classifiers: 1,
      models: [
        {
          id: "efficientnet_lite0",
          depth: 0,
          oldest_age_ms: null,
          classifiers: 1,
          per_second: 20,
          eta_ms: 100,
        },
      ],
      others: [],
    },
  },
  readClassification: {
    "200": {
      id: "cls_01m7zfkcsgzcch9c9wepn8nrbskcyze6sty3wk4dhr",
      status: "succeeded",
      done: true,
      operation: "classify",
      model: {
        id: "efficientnet_lite0",
        version: "78c3304b0805",
      },
      created_at: "2026-11-21T16:38:59.632Z",
      started_at: "2026-11-21T16:38:59.690Z",
      attempts: 1,
      image: {
        format: "jpeg",
        width: 256,
        height: 256,
        bytes: 4955,
        sha256: "571b5db0819b1c68b45bd295232f52acfdcd78b567982e2d992ee3a9eaae0132",
        orientation: 1,
      },
      predictions: [
        {
          label: "jack-o'-lantern",
          probability: 0.9547299742698669,
          class_index: 607,
        },
        {
          label: "lampshade",
          probability: 0.0006640411447733641,
          class_index: 619,
        },
        {
          label: "digital clock",
          probability: 0.0004956544144079089,
          class_index: 530,
        },
      ],
      finished_at: "2026-11-21T16:39:00.051Z",
      timings_ms: {
        queued: 58,
        fetch: 17.5,
        decode: 73,
        infer: 215.5,
        total: 419,
      },
    },
    "404": {
      type: "about:blank",
      title: "There is nothing here",
      status: 404,
      code: "not_found",
      detail: "There is no such ticket, or it has expired",
    },
  },
  cancelClassification: {
    "200": {
      id: "cls_01m7zfkdcrjpj4d7a3w7jdf79ghxmdmryz6c1trbr4",
      status: "canceled",
      done: true,
      operation: "classify",
      model: {
        id: "efficientnet_lite0",
      },
      created_at: "2026-11-21T16:39:00.248Z",
      started_at: "2026-11-21T16:39:00.269Z",
      attempts: 1,
      image: {
        format: "jpeg",
        width: 256,
        height: 256,
        bytes: 5408,
        sha256: "cfd5eca463395361072f1a625daff294dc23a7e9e882e73c71837a8ed6e9dc05",
        orientation: 1,
      },
      finished_at: "2026-11-21T16:39:00.312Z",
      timings_ms: {
        queued: 21,
        total: 64,
      },
    },
    "409": {
      type: "about:blank",
      title: "The job has already finished",
      status: 409,
      code: "already_finished",
      detail: "Cannot cancel: the ticket has finished already, as succeeded",
    },
  },
  listDeliveries: {
    "200": {
      url: "https://hooks.invalid/claimcheck",
      deliveries: [
        {
          id: "msg_01m7zfkdcrjpj4d7a3w7jdf79g_1795279140312",
          type: "classification.canceled",
          state: "pending",
          created_at: "2026-11-21T16:39:00.312Z",
          next_attempt_at: "2026-11-21T16:39:00.312Z",
          attempts: [],
        },
      ],
    },
  },
  resendDelivery: {
    "202": {
      url: "https://hooks.invalid/claimcheck",
      deliveries: [
        {
          id: "msg_01m7zfkdcrjpj4d7a3w7jdf79g_1795279140312",
          type: "classification.canceled",
          state: "pending",
          created_at: "2026-11-21T16:39:00.312Z",
          next_attempt_at: "2026-11-21T16:39:00.312Z",
          attempts: [],
        },
      ],
    },
  },
  predict: {
    "200": {
      success: true,
      predictions: [
        {
          label: "jack-o'-lantern",
          probability: 0.9547299742698669,
        },
        {
          label: "lampshade",
          probability: 0.0006640411447733641,
        },
        {
          label: "digital clock",
          probability: 0.0004956544144079089,
        },
        {
          label: "balloon",
          probability: 0.0004811708931811154,
        },
        {
          label: "candle",
          probability: 0.00046604627277702093,
        },
      ],
    },
  },
  createBatch: {
    "202": {
      id: "bat_01m7zfkebknccxqhckpsrwta0akmhggt8gjgv8xeab",
      status: "queued",
      done: false,
      operation: "classify",
      model: {
        id: "efficientnet_lite0",
      },
      created_at: "2026-11-21T16:39:01.235Z",
      rows: {
        total: 2,
        skipped: 0,
      },
      pictures: {
        total: 2,
        done: 0,
        queued: 2,
        processing: 0,
        succeeded: 0,
        failed: 0,
        canceled: 0,
      },
      batch_size: 64,
      per_second: null,
      eta_ms: null,
      poll_after_ms: 1000,
      failures: [],
      results_url: "http://localhost:8787/v1/batches/bat_01m7zfkebknccxqhckpsrwta0akmhggt8gjgv8xeab/results",
    },
    "400": {
      type: "about:blank",
      title: "Rows of the list cannot be taken",
      status: 400,
      code: "invalid_rows",
      detail: "Cannot accept the list: a row of it cannot be taken; on_invalid=skip takes the rest",
      invalid_rows: 1,
      rows: [
        {
          row: 1,
          line: 2,
          column: "url",
          value: "ftp://pictures.example/1.jpg",
          reason: "is not an https or http URL",
        },
      ],
    },
  },
  readBatch: {
    "200": {
      id: "bat_01m7zfkebknccxqhckpsrwta0akmhggt8gjgv8xeab",
      status: "succeeded",
      done: true,
      operation: "classify",
      model: {
        id: "efficientnet_lite0",
      },
      created_at: "2026-11-21T16:39:01.235Z",
      started_at: "2026-11-21T16:39:01.325Z",
      finished_at: "2026-11-21T16:39:02.063Z",
      rows: {
        total: 2,
        skipped: 0,
      },
      pictures: {
        total: 2,
        done: 2,
        queued: 0,
        processing: 0,
        succeeded: 1,
        failed: 1,
        canceled: 0,
      },
      batch_size: 64,
      per_second: 2.71,
      failures: [
        {
          row: 2,
          url: "https://pictures.example/2.jpg",
          code: "url_not_found",
          message: "Cannot fetch the image: https://pictures.example answered 404",
        },
      ],
      results_url: "http://localhost:8787/v1/batches/bat_01m7zfkebknccxqhckpsrwta0akmhggt8gjgv8xeab/results",
    },
  },
  cancelBatch: {
    "200": {
      id: "bat_01m7zfkffrq4m6tp4b9fedk4bw1rpjqdptgd53gqh5",
      status: "canceled",
      done: true,
      operation: "classify",
      model: {
        id: "efficientnet_lite0",
      },
      created_at: "2026-11-21T16:39:02.392Z",
      finished_at: "2026-11-21T16:39:02.425Z",
      rows: {
        total: 2,
        skipped: 0,
      },
      pictures: {
        total: 2,
        done: 2,
        queued: 0,
        processing: 0,
        succeeded: 0,
        failed: 0,
        canceled: 2,
      },
      batch_size: 64,
      per_second: null,
      failures: [],
      results_url: "http://localhost:8787/v1/batches/bat_01m7zfkffrq4m6tp4b9fedk4bw1rpjqdptgd53gqh5/results",
    },
    "409": {
      type: "about:blank",
      title: "The job has already finished",
      status: 409,
      code: "already_finished",
      detail: "Cannot cancel: the batch is done",
    },
  },
}

/** Webhooks, by type. */
export const EVENT_EXAMPLES: Readonly<Record<string, unknown>> = {
  "batch.canceled": {
    type: "batch.canceled",
    timestamp: "2026-11-21T16:39:02.425Z",
    data: {
      id: "bat_01m7zfkffrq4m6tp4b9fedk4bw1rpjqdptgd53gqh5",
      status: "canceled",
      done: true,
      operation: "classify",
      model: {
        id: "efficientnet_lite0",
      },
      created_at: "2026-11-21T16:39:02.392Z",
      finished_at: "2026-11-21T16:39:02.425Z",
      rows: {
        total: 2,
        skipped: 0,
      },
      pictures: {
        total: 2,
        done: 2,
        queued: 0,
        processing: 0,
        succeeded: 0,
        failed: 0,
        canceled: 2,
      },
      batch_size: 64,
      per_second: null,
      failures: [],
      results_url: "http://localhost:8787/v1/batches/bat_01m7zfkffrq4m6tp4b9fedk4bw1rpjqdptgd53gqh5/results",
    },
  },
  "batch.failed": {
    type: "batch.failed",
    timestamp: "2026-11-21T16:39:02.317Z",
    data: {
      id: "bat_01m7zfkf9xw8zja4rhgmc5m22mx9f8f66da7vtsc81",
      status: "failed",
      done: true,
      operation: "classify",
      model: {
        id: "efficientnet_lite0",
      },
      created_at: "2026-11-21T16:39:02.205Z",
      started_at: "2026-11-21T16:39:02.249Z",
      finished_at: "2026-11-21T16:39:02.317Z",
      rows: {
        total: 1,
        skipped: 0,
      },
      pictures: {
        total: 1,
        done: 1,
        queued: 0,
        processing: 0,
        succeeded: 0,
        failed: 1,
        canceled: 0,
      },
      batch_size: 64,
      per_second: 14.71,
      failures: [
        {
          row: 1,
          url: "https://pictures.example/2.jpg",
          code: "url_not_found",
          message: "Cannot fetch the image: https://pictures.example answered 404",
        },
      ],
      results_url: "http://localhost:8787/v1/batches/bat_01m7zfkf9xw8zja4rhgmc5m22mx9f8f66da7vtsc81/results",
    },
  },
  "batch.progress": {
    type: "batch.progress",
    timestamp: "2026-11-21T16:39:01.565Z",
    data: {
      id: "bat_01m7zfkebknccxqhckpsrwta0akmhggt8gjgv8xeab",
      status: "processing",
      done: false,
      operation: "classify",
      model: {
        id: "efficientnet_lite0",
      },
      created_at: "2026-11-21T16:39:01.235Z",
      started_at: "2026-11-21T16:39:01.325Z",
      rows: {
        total: 2,
        skipped: 0,
      },
      pictures: {
        total: 2,
        done: 1,
        queued: 0,
        processing: 1,
        succeeded: 0,
        failed: 1,
        canceled: 0,
      },
      batch_size: 64,
      per_second: null,
      eta_ms: null,
      poll_after_ms: 1000,
      failures: [
        {
          row: 2,
          url: "https://pictures.example/2.jpg",
          code: "url_not_found",
          message: "Cannot fetch the image: https://pictures.example answered 404",
        },
      ],
      results_url: "http://localhost:8787/v1/batches/bat_01m7zfkebknccxqhckpsrwta0akmhggt8gjgv8xeab/results",
    },
  },
  "batch.succeeded": {
    type: "batch.succeeded",
    timestamp: "2026-11-21T16:39:02.063Z",
    data: {
      id: "bat_01m7zfkebknccxqhckpsrwta0akmhggt8gjgv8xeab",
      status: "succeeded",
      done: true,
      operation: "classify",
      model: {
        id: "efficientnet_lite0",
      },
      created_at: "2026-11-21T16:39:01.235Z",
      started_at: "2026-11-21T16:39:01.325Z",
      finished_at: "2026-11-21T16:39:02.063Z",
      rows: {
        total: 2,
        skipped: 0,
      },
      pictures: {
        total: 2,
        done: 2,
        queued: 0,
        processing: 0,
        succeeded: 1,
        failed: 1,
        canceled: 0,
      },
      batch_size: 64,
      per_second: 2.71,
      failures: [
        {
          row: 2,
          url: "https://pictures.example/2.jpg",
          code: "url_not_found",
          message: "Cannot fetch the image: https://pictures.example answered 404",
        },
      ],
      results_url: "http://localhost:8787/v1/batches/bat_01m7zfkebknccxqhckpsrwta0akmhggt8gjgv8xeab/results",
    },
  },
  "classification.canceled": {
    type: "classification.canceled",
    timestamp: "2026-11-21T16:39:01.173Z",
    data: {
      id: "cls_01m7zfke91d2ffkmjzm56eqw52wpnw6mxwapdyfmy8",
      status: "canceled",
      done: true,
      operation: "classify",
      model: {
        id: "efficientnet_lite0",
      },
      created_at: "2026-11-21T16:39:01.153Z",
      started_at: "2026-11-21T16:39:01.165Z",
      attempts: 1,
      image_url: "https://pictures.example/3.jpg",
      finished_at: "2026-11-21T16:39:01.173Z",
      timings_ms: {
        queued: 12,
        total: 20,
      },
    },
  },
  "classification.failed": {
    type: "classification.failed",
    timestamp: "2026-11-21T16:39:01.164Z",
    data: {
      id: "cls_01m7zfke8crmefawn37awcr4r8cfq18hhwr2ycejfe",
      status: "failed",
      done: true,
      operation: "classify",
      model: {
        id: "efficientnet_lite0",
      },
      created_at: "2026-11-21T16:39:01.132Z",
      started_at: "2026-11-21T16:39:01.146Z",
      attempts: 1,
      image_url: "https://pictures.example/2.jpg",
      error: {
        code: "url_not_found",
        message: "Cannot fetch the image: https://pictures.example answered 404",
      },
      finished_at: "2026-11-21T16:39:01.164Z",
      timings_ms: {
        queued: 14,
        total: 32,
      },
    },
  },
  "classification.succeeded": {
    type: "classification.succeeded",
    timestamp: "2026-11-21T16:39:02.500Z",
    data: {
      id: "cls_01m7zfke7e93szn1syqrje89810gav11fj6grsp92g",
      status: "succeeded",
      done: true,
      operation: "classify",
      model: {
        id: "efficientnet_lite0",
        version: "78c3304b0805",
      },
      created_at: "2026-11-21T16:39:01.102Z",
      started_at: "2026-11-21T16:39:01.112Z",
      attempts: 1,
      image_url: "https://pictures.example/1.jpg",
      image: {
        format: "jpeg",
        width: 256,
        height: 256,
        bytes: 4955,
        sha256: "571b5db0819b1c68b45bd295232f52acfdcd78b567982e2d992ee3a9eaae0132",
        orientation: 1,
      },
      predictions: [
        {
          label: "jack-o'-lantern",
          probability: 0.9547299742698669,
          class_index: 607,
        },
        {
          label: "lampshade",
          probability: 0.0006640411447733641,
          class_index: 619,
        },
      ],
      finished_at: "2026-11-21T16:39:02.500Z",
      timings_ms: {
        queued: 10,
        fetch: 22.3,
        decode: 50.1,
        infer: 1241.3,
        total: 1398,
      },
    },
  },
}
