import { testJourney } from "./journey.ts";

testJourney("tenants from their making to their end", "tenants.ts");
