/**
 * Recording of tenants' traffic, and requests that management sends through the relay.
 *
 * @module
 */

export { Recorder, type RecorderOptions, type RecordingStore } from "./recorder.ts";
export { RelayClient, type RelayClientOptions } from "./relay_client.ts";
