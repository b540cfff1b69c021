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
      classifiers: 1,
      paused: false,
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
      id: "cls_01m7zghr74vbqgk2fgs1kmwg0naarbbsby00x30gkn",
      status: "succeeded",
      done: true,
      operation: "classify",
      model: {
        id: "efficientnet_lite0",
        version: "78c3304b0805",
      },
      created_at: "2026-11-21T16:55:34.372Z",
      started_at: "2026-11-21T16:55:34.372Z",
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
      finished_at: "2026-11-21T16:55:34.372Z",
      timings_ms: {
        queued: 0,
        total: 0,
      },
    },
    "202": {
      id: "cls_01m7zghr953thr5kzdy6587hh9447hgqhw3gxqsm8t",
      status: "queued",
      done: false,
      operation: "classify",
      model: {
        id: "efficientnet_lite0",
      },
      created_at: "2026-11-21T16:55:34.437Z",
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
      id: "cls_01m7zghqv84bexyj90ywc4srvtwk80x60r4qw48sgr",
      status: "succeeded",
      done: true,
      operation: "classify",
      model: {
        id: "efficientnet_lite0",
        version: "78c3304b0805",
      },
      created_at: "2026-11-21T16:55:33.992Z",
      started_at: "2026-11-21T16:55:34.047Z",
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
      finished_at: "2026-11-21T16:55:34.290Z",
      timings_ms: {
        queued: 55,
        fetch: 11.3,
        decode: 38.4,
        infer: 164.5,
        total: 298,
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
      id: "cls_01m7zghr953thr5kzdy6587hh9447hgqhw3gxqsm8t",
      status: "canceled",
      done: true,
      operation: "classify",
      model: {
        id: "efficientnet_lite0",
      },
      created_at: "2026-11-21T16:55:34.437Z",
      started_at: "2026-11-21T16:55:34.446Z",
      attempts: 1,
      image: {
        format: "jpeg",
        width: 256,
        height: 256,
        bytes: 5408,
        sha256: "cfd5eca463395361072f1a625daff294dc23a7e9e882e73c71837a8ed6e9dc05",
        orientation: 1,
      },
      finished_at: "2026-11-21T16:55:34.472Z",
      timings_ms: {
        queued: 9,
        total: 35,
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
      id: "bat_01m7zghrxh25jrq1ywjzndzfwex18s29f1pwtqv50w",
      status: "queued",
      done: false,
      operation: "classify",
      model: {
        id: "efficientnet_lite0",
      },
      created_at: "2026-11-21T16:55:35.089Z",
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
      results_url: "http://localhost:8787/v1/batches/bat_01m7zghrxh25jrq1ywjzndzfwex18s29f1pwtqv50w/results",
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
      id: "bat_01m7zghrxh25jrq1ywjzndzfwex18s29f1pwtqv50w",
      status: "succeeded",
      done: true,
      operation: "classify",
      model: {
        id: "efficientnet_lite0",
      },
      created_at: "2026-11-21T16:55:35.089Z",
      started_at: "2026-11-21T16:55:35.187Z",
      finished_at: "2026-11-21T16:55:35.443Z",
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
      per_second: 7.81,
      failures: [
        {
          row: 2,
          url: "https://pictures.example/2.jpg",
          code: "url_not_found",
          message: "Cannot fetch the image: https://pictures.example answered 404",
        },
      ],
      results_url: "http://localhost:8787/v1/batches/bat_01m7zghrxh25jrq1ywjzndzfwex18s29f1pwtqv50w/results",
    },
  },
  cancelBatch: {
    "200": {
      id: "bat_01m7zghsevwngkm12672stjf7a797cdbbsk28hgbsb",
      status: "canceled",
      done: true,
      operation: "classify",
      model: {
        id: "efficientnet_lite0",
      },
      created_at: "2026-11-21T16:55:35.643Z",
      started_at: "2026-11-21T16:55:35.663Z",
      finished_at: "2026-11-21T16:55:35.663Z",
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
      results_url: "http://localhost:8787/v1/batches/bat_01m7zghsevwngkm12672stjf7a797cdbbsk28hgbsb/results",
    },
    "409": {
      type: "about:blank",
      title: "The job has already finished",
      status: 409,
      code: "already_finished",
      detail: "Cannot cancel: the batch is done",
    },
  },
  listDeliveries: {
    "200": {
      url: "https://hooks.example/claimcheck",
      deliveries: [
        {
          id: "msg_01m7zghrtehn1vrpr25enpj4yt_1795280135295",
          type: "classification.succeeded",
          state: "delivered",
          created_at: "2026-11-21T16:55:35.295Z",
          next_attempt_at: null,
          attempts: [
            {
              at: "2026-11-21T16:55:35.339Z",
              duration_ms: 40,
              status: 204,
            },
          ],
        },
      ],
    },
  },
  resendDelivery: {
    "202": {
      url: "https://hooks.example/claimcheck",
      deliveries: [
        {
          id: "msg_01m7zghrtehn1vrpr25enpj4yt_1795280135295",
          type: "classification.succeeded",
          state: "pending",
          created_at: "2026-11-21T16:55:35.295Z",
          next_attempt_at: "2026-11-21T16:55:41.286Z",
          attempts: [
            {
              at: "2026-11-21T16:55:35.339Z",
              duration_ms: 40,
              status: 204,
            },
          ],
        },
      ],
    },
  },
}

/** Webhooks, by type. */
export const EVENT_EXAMPLES: Readonly<Record<string, unknown>> = {
  "batch.canceled": {
    type: "batch.canceled",
    timestamp: "2026-11-21T16:55:35.663Z",
    data: {
      id: "bat_01m7zghsevwngkm12672stjf7a797cdbbsk28hgbsb",
      status: "canceled",
      done: true,
      operation: "classify",
      model: {
        id: "efficientnet_lite0",
      },
      created_at: "2026-11-21T16:55:35.643Z",
      started_at: "2026-11-21T16:55:35.663Z",
      finished_at: "2026-11-21T16:55:35.663Z",
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
      results_url: "http://localhost:8787/v1/batches/bat_01m7zghsevwngkm12672stjf7a797cdbbsk28hgbsb/results",
    },
  },
  "batch.failed": {
    type: "batch.failed",
    timestamp: "2026-11-21T16:55:35.569Z",
    data: {
      id: "bat_01m7zghsbbjfjj44atdamd89kftvsnxxe529z7dke9",
      status: "failed",
      done: true,
      operation: "classify",
      model: {
        id: "efficientnet_lite0",
      },
      created_at: "2026-11-21T16:55:35.531Z",
      started_at: "2026-11-21T16:55:35.553Z",
      finished_at: "2026-11-21T16:55:35.569Z",
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
      per_second: 62.5,
      failures: [
        {
          row: 1,
          url: "https://pictures.example/2.jpg",
          code: "url_not_found",
          message: "Cannot fetch the image: https://pictures.example answered 404",
        },
      ],
      results_url: "http://localhost:8787/v1/batches/bat_01m7zghsbbjfjj44atdamd89kftvsnxxe529z7dke9/results",
    },
  },
  "batch.progress": {
    type: "batch.progress",
    timestamp: "2026-11-21T16:55:35.260Z",
    data: {
      id: "bat_01m7zghrxh25jrq1ywjzndzfwex18s29f1pwtqv50w",
      status: "processing",
      done: false,
      operation: "classify",
      model: {
        id: "efficientnet_lite0",
      },
      created_at: "2026-11-21T16:55:35.089Z",
      started_at: "2026-11-21T16:55:35.187Z",
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
      results_url: "http://localhost:8787/v1/batches/bat_01m7zghrxh25jrq1ywjzndzfwex18s29f1pwtqv50w/results",
    },
  },
  "batch.succeeded": {
    type: "batch.succeeded",
    timestamp: "2026-11-21T16:55:35.443Z",
    data: {
      id: "bat_01m7zghrxh25jrq1ywjzndzfwex18s29f1pwtqv50w",
      status: "succeeded",
      done: true,
      operation: "classify",
      model: {
        id: "efficientnet_lite0",
      },
      created_at: "2026-11-21T16:55:35.089Z",
      started_at: "2026-11-21T16:55:35.187Z",
      finished_at: "2026-11-21T16:55:35.443Z",
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
      per_second: 7.81,
      failures: [
        {
          row: 2,
          url: "https://pictures.example/2.jpg",
          code: "url_not_found",
          message: "Cannot fetch the image: https://pictures.example answered 404",
        },
      ],
      results_url: "http://localhost:8787/v1/batches/bat_01m7zghrxh25jrq1ywjzndzfwex18s29f1pwtqv50w/results",
    },
  },
  "classification.canceled": {
    type: "classification.canceled",
    timestamp: "2026-11-21T16:55:35.048Z",
    data: {
      id: "cls_01m7zghrvjr21wfyh0yqza4qeapvetmzz0hfgw9ad4",
      status: "canceled",
      done: true,
      operation: "classify",
      model: {
        id: "efficientnet_lite0",
      },
      created_at: "2026-11-21T16:55:35.026Z",
      started_at: "2026-11-21T16:55:35.046Z",
      attempts: 1,
      image_url: "https://pictures.example/3.jpg",
      finished_at: "2026-11-21T16:55:35.048Z",
      timings_ms: {
        queued: 20,
        total: 22,
      },
    },
  },
  "classification.failed": {
    type: "classification.failed",
    timestamp: "2026-11-21T16:55:35.041Z",
    data: {
      id: "cls_01m7zghrtv69kacw175gfj8qkw8qhrtbyk55xdnk8w",
      status: "failed",
      done: true,
      operation: "classify",
      model: {
        id: "efficientnet_lite0",
      },
      created_at: "2026-11-21T16:55:35.003Z",
      started_at: "2026-11-21T16:55:35.022Z",
      attempts: 1,
      image_url: "https://pictures.example/2.jpg",
      error: {
        code: "url_not_found",
        message: "Cannot fetch the image: https://pictures.example answered 404",
      },
      finished_at: "2026-11-21T16:55:35.041Z",
      timings_ms: {
        queued: 19,
        total: 38,
      },
    },
  },
  "classification.succeeded": {
    type: "classification.succeeded",
    timestamp: "2026-11-21T16:55:35.295Z",
    data: {
      id: "cls_01m7zghrtehn1vrpr25enpj4ytnqafrx7666k6g16z",
      status: "succeeded",
      done: true,
      operation: "classify",
      model: {
        id: "efficientnet_lite0",
        version: "78c3304b0805",
      },
      created_at: "2026-11-21T16:55:34.990Z",
      started_at: "2026-11-21T16:55:34.997Z",
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
      finished_at: "2026-11-21T16:55:35.295Z",
      timings_ms: {
        queued: 7,
        fetch: 25,
        decode: 14.8,
        infer: 214.2,
        total: 305,
      },
    },
  },
}
